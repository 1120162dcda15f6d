"""Revokes a public key: it is not trusted here any more, and the log says so from then on."""

import asyncio

from msgspec import Struct

from core.audit.format.key import Verifier
from core.audit.format.key_revocation import revocation_details
from core.errors import ConflictError, UsageError
from core.operations.log_note import record_revocation
from storage.file.keystore import load_signer, revoke_key
from storage.read.log_keys import first_seq_since, read_keys
from tui.host.session import finish_rotation
from tui.host.site import LocalSite


class Compromise(Struct, frozen=True):
    """Since when others may have had a key: an instant, or an event of the log; or unknown."""

    since: int | None = None
    from_event: int | None = None


class Revoked(Struct, frozen=True, kw_only=True):
    """What was revoked. `from_seq` and `to_seq` are the events that are in doubt now, if any are.

    `is_recorded` tells whether there is a log, which says so.
    """

    key: Verifier
    is_recorded: bool = False
    from_seq: int | None = None
    to_seq: int | None = None


def revoke(site: LocalSite, key: Verifier, reason: str, compromise: Compromise) -> Revoked:
    """Revoke a key in the key folder, then in the log; both can be repeated.

    Raises `ConflictError` for the key in use, `UsageError` for a time or an event at which the key
    did not sign this log, and what reading and writing raise.
    """
    paths = site.paths
    finish_rotation(paths)
    signer = load_signer(paths.keys)
    if signer is not None and signer.public_key == key.public_key:
        raise _in_use()
    if not paths.has_database:
        if compromise != Compromise():
            raise UsageError("there is no log yet, so the key has signed no event of it")
        revoke_key(paths.keys, key, reason)
        return Revoked(key=key)
    log_id, history = read_keys(paths.db)
    if history.keys[-1].public_key == key.public_key:
        raise _in_use()
    first = last = None
    for number, one in enumerate(history.state.keys[:-1]):
        if history.keys[number].public_key == key.public_key:
            first = one.first_size
            last = history.state.keys[number + 1].first_size - 2
    if first is None or last is None:
        if compromise != Compromise():
            raise UsageError("the key has signed no event of this log")
        from_seq = 0
    else:
        from_seq = first
        if compromise.from_event is not None:
            from_seq = compromise.from_event
        elif compromise.since is not None:
            from_seq = max(first, min(first_seq_since(paths.db, compromise.since), last + 1))
        if not first <= from_seq <= last + 1:
            raise UsageError(f"the key signed the events {first} to {last} of this log")
    revoke_key(paths.keys, key, reason)
    details = revocation_details(log_id, key.public_key, reason, from_seq)
    asyncio.run(record_revocation(site, details))
    if last is None or not 0 < from_seq <= last:
        return Revoked(key=key, is_recorded=True)
    return Revoked(key=key, is_recorded=True, from_seq=from_seq, to_seq=last)


def _in_use() -> ConflictError:
    return ConflictError(
        "this key signs the log: it is handed over before it is revoked",
        hint="`mission audit key rotate`, then revoke it; if the private key is lost, move the"
        " database away first (docs/audit.md)",
    )
