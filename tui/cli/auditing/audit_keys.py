"""`mission audit key`: shows, rotates, revokes and exports the keys that sign the audit log."""

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from core.audit.format.key import Verifier
from core.audit.format.key_revocation import MAX_REASON_CHARACTERS
from core.errors import (
    ConflictError,
    MissionDeckError,
    NotFoundError,
    UnavailableError,
    UsageError,
)
from tui.cli.command import DeckGroup
from tui.cli.command import command as declare
from tui.cli.invocation import Invocation
from tui.words.safe_text import safe_line


@click.group("key", cls=DeckGroup)
def command() -> None:
    """Show, rotate and revoke the keys that sign the audit log, and export public ones."""


@declare("show", short_help="Show the signing key and the keys that are trusted.")
def show(invocation: Invocation) -> None:
    """Show the key that signs the audit log, and all public keys that are trusted here.

    So are the authorities that are trusted to anchor it: `mission audit anchor` adds them.

    The key of the log is the one with which the log was created, or to which it was handed over
    last. Without it the log can be verified, but not continued. Nothing is written.
    """
    found = _found_keys(invocation)
    if invocation.json:
        invocation.console.out_json(found)
        return
    lines = [f"folder   {found['folder']}"]
    lines.append(f"signing  {found['signing'] or 'none: audit.pem does not exist'}")
    log = found["log"]
    if log is not None:
        state = "the signing key" if log["vkey"] == found["signing"] else "not the signing key"
        lines.append(f"log      {log['vkey'] or 'unknown'} ({state})")
    if found["staged"] is not None:
        lines.append(f"staged   {found['staged']} (of a rotation that did not end)")
    lines += [f"trusted  {one}" for one in found["trusted"]]
    lines += [f"witness  {one}" for one in found["witnesses"]]
    lines += [f"tsa      {one}" for one in found["tsa"]]
    lines += [f"revoked  {one['vkey']}: {one['reason']}" for one in found["revoked"]]
    invocation.console.out_lines([safe_line(line) for line in lines])


@declare("export", short_help="Write a public key for those who verify.")
@click.option(
    "--id", "key_id", metavar="ID", help="The key with this id (8 hex digits), not the signing key."
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["vkey", "pem"]),
    default="vkey",
    show_default=True,
    help="A line for `audit verify --key`, or PEM for openssl.",
)
@click.option(
    "-o",
    "--output",
    "target",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="The file to write, which must not exist; without it the key is printed.",
)
def export(invocation: Invocation, key_id: str | None, form: str, target: Path | None) -> None:
    """Print a public key or write it to a file. Private keys are never exported.

    Whoever verifies your log needs it from you, by a way that they trust: a key that came with the
    log proves nothing.
    """
    from core.audit.bundle.bundle_content import public_pem

    key = _chosen(invocation, key_id)
    data = f"{key.vkey}\n".encode() if form == "vkey" else public_pem(key.public_key)
    if target is not None:
        _write_new(target, data)
    if invocation.json:
        invocation.console.out_json(
            {
                "id": key.key_id.hex(),
                "vkey": key.vkey,
                "path": None if target is None else str(target),
            }
        )
    elif target is None:
        invocation.console.out_raw(data.decode("ascii"))
    else:
        invocation.console.out_raw(f"{safe_line(str(target))}\n")


@declare("rotate", short_help="Hand the log over to a new key.")
def rotate(invocation: Invocation) -> None:
    """Hand the audit log over to a new key: the last act of the old one, signed by both.

    The log is continued with the new key, and whoever trusts one of the two can verify all of it.
    The old private key is replaced: other databases that were signed with it cannot be continued
    any more, and neither can older copies of this one without a copy of the key. Refused while a
    runner is at work. No question is asked. Back up the key folder afterwards.
    """
    import asyncio

    from core.machine.system_clock import SystemClock
    from tui.host.session import rotate_signing_key

    if not invocation.paths.has_database:
        raise NotFoundError(
            f"there is no database {invocation.paths.db} whose key could be rotated",
            hint="the first run creates the database and its key",
        )
    site = invocation.site
    witness = invocation.settings.witness_file
    old, new = asyncio.run(
        rotate_signing_key(
            invocation.paths, SystemClock(), site.actor, None if witness is None else Path(witness)
        )
    )
    if invocation.json:
        invocation.console.out_json({"old": old.vkey, "new": new.vkey})
        return
    invocation.console.out_raw(f"{new.vkey}\n")
    invocation.console.say(
        f"the log is signed with this key now, and no longer with {old.vkey}; back up"
        f" {safe_line(str(invocation.paths.keys))}, and tell the new key to those who verify"
    )


@declare("revoke", short_help="Trust a key no more, and record it in the log.")
@click.argument("key", metavar="KEY")
@click.option("--reason", default="", metavar="TEXT", help="Why, which is recorded. Required.")
@click.option(
    "--since",
    metavar="TIME",
    help="Since when others may have had the key: 5d ago, or RFC 3339. Without it always.",
)
@click.option(
    "--from-event",
    metavar="N",
    type=click.IntRange(min=1),
    help="The first event that others may have signed, in place of --since.",
)
def revoke(
    invocation: Invocation, key: str, reason: str, since: str | None, from_event: int | None
) -> None:
    """Revoke KEY, an id of `audit key show`, a vkey, or a file with one.

    It is not trusted here any more, and an event of the log, signed by the key in force, says so.
    What KEY alone has signed since the given time is named by each verification from then on, with
    the verdict REVOKED KEY and exit code 8. The key in force is handed over first: `mission audit
    key rotate`. No question is asked. May be repeated, for example with an earlier time.
    """
    from tui.cli.shared_options import instant_option
    from tui.host.evidence.key_revoking import Compromise
    from tui.host.evidence.key_revoking import revoke as run

    if since is not None and from_event is not None:
        raise UsageError("--since and --from-event say the same: give one of them")
    why = reason.strip()
    if not why or len(why) > MAX_REASON_CHARACTERS:
        raise UsageError(
            f"--reason says why, in at most {MAX_REASON_CHARACTERS} characters",
            hint="it is recorded in the log, for everybody who verifies it",
        )
    start = None if since is None else instant_option("--since", since, invocation.now)
    done = run(invocation.site, _named(invocation, key), why, Compromise(start, from_event))
    if invocation.json:
        invocation.console.out_json(
            {
                "key": done.key.vkey,
                "recorded": done.is_recorded,
                "from_seq": done.from_seq,
                "to_seq": done.to_seq,
            }
        )
        return
    told = "no event of the log is in doubt by it"
    if done.from_seq is not None:
        told = (
            f"`mission audit verify` names the events {done.from_seq} to {done.to_seq} from now on"
        )
    where = "here and in the log" if done.is_recorded else "here"
    invocation.console.out_raw(f"{done.key.vkey}\n")
    invocation.console.say(f"revoked {where}; {told}; tell those who verify elsewhere")


def _named(invocation: Invocation, given: str) -> Verifier:
    """Return the key that the user names, under its own name; `NotFoundError`."""
    from storage.file.keystore import KEY_NAME, public_keys, revoked_keys
    from storage.read.log_keys import read_keys
    from tui.cli.auditing.log_verification import given_key

    folder = invocation.paths.keys
    keys = [*public_keys(folder), *(one.key for one in revoked_keys(folder))]
    if invocation.paths.has_database:
        keys += read_keys(invocation.paths.db)[1].keys
    for key in keys:
        if key.key_id.hex() == given.lower():
            return Verifier(KEY_NAME, key.public_key)
    if "+" not in given and not Path(given).exists():
        raise NotFoundError(
            f"there is no key {given} in {folder} or in the log",
            hint="`mission audit key show` lists the keys",
        )
    return Verifier(KEY_NAME, given_key(given).public_key)


def _found_keys(invocation: Invocation) -> Mapping[str, Any]:
    from storage.file.anchors.anchor_trust import certificates_file, read_anchor_trust
    from storage.file.keystore import (
        load_next_signer,
        load_signer,
        public_keys,
        revoked_keys,
    )

    folder = invocation.paths.keys
    signer, staged = load_signer(folder), load_next_signer(folder)
    anchors = read_anchor_trust(folder)
    return {
        "folder": str(folder),
        "signing": None if signer is None else signer.verifier.vkey,
        "staged": None if staged is None else staged.verifier.vkey,
        "trusted": [key.vkey for key in public_keys(folder)],
        "revoked": [{"vkey": one.key.vkey, "reason": one.reason} for one in revoked_keys(folder)],
        "witnesses": [one.vkey for one in anchors.witnesses],
        "tsa": [certificates_file(one) for one in anchors.certificates],
        "log": _log_key(invocation),
    }


def _log_key(invocation: Invocation) -> Mapping[str, str | None] | None:
    """Return id and key of the log, under the key's own name; None without a database."""
    from core.audit.format.key import decode_vkey
    from storage.file.keystore import KEY_NAME
    from storage.read.audit_source import SqliteChainSource

    if not invocation.paths.has_database:
        return None
    source = SqliteChainSource(invocation.paths.db, ())
    try:
        meta = source.meta()
    finally:
        source.close()
    vkey = None
    with suppress(MissionDeckError):  # what is wrong with it is for `audit verify` to say
        in_force = str(meta.get("signing_vkey") or meta.get("vkey"))
        vkey = Verifier(KEY_NAME, decode_vkey(in_force).public_key).vkey
    return {"log_id": str(meta.get("log_id")), "vkey": vkey}


def _chosen(invocation: Invocation, key_id: str | None) -> Verifier:
    from storage.file.keystore import load_signer, public_keys

    folder = invocation.paths.keys
    if key_id is not None:
        for key in public_keys(folder):
            if key.key_id.hex() == key_id.lower():
                return key
        raise NotFoundError(
            f"there is no key {key_id} in {folder}", hint="`mission audit key show` lists the keys"
        )
    signer = load_signer(folder)
    if signer is None:
        raise NotFoundError(
            f"there is no signing key in {folder}",
            hint="it is created by the first run; --id names one of the public keys",
        )
    return signer.verifier


def _write_new(target: Path, data: bytes) -> None:
    try:
        file = os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o644)
    except FileExistsError as error:
        raise ConflictError(f"{target} exists already", hint="name a new file") from error
    except OSError as error:
        raise UnavailableError(f"{target} cannot be written: {error.strerror}") from error
    with os.fdopen(file, "wb") as stream:
        stream.write(data)


for _one in (show, export, rotate, revoke):
    command.add_command(_one)
