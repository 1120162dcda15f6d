"""Reads the keys of a log from the few events that tell of them. Verifies no other event."""

from collections.abc import Iterable

from core.audit.chain.key_history import KeyHistory, KnownKeys
from core.audit.format import canonical
from core.audit.format.body import LOG_CREATED
from core.audit.format.key_revocation import KEY_REVOKED
from core.audit.format.key_rotation import KEY_ROTATED
from core.errors import AuditError

KEY_EVENTS = (LOG_CREATED, KEY_ROTATED, KEY_REVOKED)

_VERIFY = "`mission audit verify` says what is wrong"
_TYPES = tuple(f'"type":"{kind}"'.encode() for kind in KEY_EVENTS)


def tells_of_keys(body: bytes) -> bool:
    """Tell whether a body may be one of a `KEY_EVENTS`; others are rare."""
    return any(kind in body for kind in _TYPES)


def keys_of(bodies: Iterable[bytes], known: KnownKeys | None = None) -> tuple[str, KeyHistory]:
    """Return the id and the keys of a log from the bodies of `KEY_EVENTS`, and perhaps others.

    Raises `AuditError` if they do not begin with the creation of the log, or are damaged.
    `known` are the keys of the user, not yet under the log's name.
    """
    history: KeyHistory | None = None
    log_id = ""
    try:
        for data in bodies:
            body = canonical.decode(data)
            kind, details, seq = body["type"], body["details"], body["seq"]
            if kind == LOG_CREATED:
                log_id = str(details["log_id"])
                history = KeyHistory(log_id, known or KnownKeys(()))
                history.created(details["vkey"])
            elif kind == KEY_ROTATED and history is not None:
                history.rotated(seq, details, None)
            elif kind == KEY_REVOKED and history is not None:
                history.revoked(seq, details)
    except (KeyError, TypeError) as error:
        raise AuditError("the keys of the log cannot be read", hint=_VERIFY) from error
    if history is None:
        raise AuditError("the log does not begin with its creation", hint=_VERIFY)
    return log_id, history
