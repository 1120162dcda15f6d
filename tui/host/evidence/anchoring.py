"""Anchors the log of this machine: asks authorities outside to vouch for a head, keeps the answer.

Nothing is sent from here: requests and answers are files.
"""

import asyncio
import hashlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from msgspec import Struct

from core.audit.format.anchor_record import MAX_PROOF_BYTES, AnchorRecord, facts_of, pieces_of
from core.audit.format.checkpoint import (
    Checkpoint,
    checkpoint_text,
    log_verifier,
    open_checkpoint,
    parse_checkpoint,
)
from core.audit.format.cosignature import Witness, open_cosignature
from core.audit.format.key import Verifier
from core.audit.format.note import NoteError, parse_note
from core.errors import AuditError, NotFoundError, UsageError
from core.operations.log_note import record_anchor
from core.value.timestamp import rfc3339
from storage.file.anchors.anchor_trust import (
    MAX_CERTIFICATES_BYTES,
    read_anchor_trust,
    trust_certificates,
    trust_witness,
)
from storage.file.keystore import public_keys
from storage.read.audit_source import SqliteChainSource
from tui.host.evidence.input_file import read_file
from tui.host.evidence.openssl_stamps import OpensslStamps, new_request, require_certificates
from tui.host.evidence.output_file import new_file, put_in_place, refuse_existing
from tui.host.places import Paths
from tui.host.site import LocalSite


class Anchored(Struct, frozen=True, kw_only=True):
    """An anchor that was taken in: of how many events, by whom, when (RFC 3339)."""

    kind: str
    events: int
    root: str
    by: str
    at: str


class AnchorFile(Struct, frozen=True, kw_only=True):
    """A file that was written for an authority: its path, and the head that it is about."""

    path: str
    events: int
    head: str


def write_time_stamp_request(
    site: LocalSite, target: Path | None, *, overwrite: bool
) -> AnchorFile:
    """Write a request (RFC 3161) for a time stamp of the newest checkpoint."""
    newest, _ = _newest(site.paths)
    path = target or Path(f"anchor-{newest.size}.tsq")
    refuse_existing(path, overwrite=overwrite)
    return _write(path, new_request(_digest(newest)), newest, overwrite=overwrite)


def write_checkpoint(site: LocalSite, target: Path | None, *, overwrite: bool) -> AnchorFile:
    """Write the signed note of the newest checkpoint, for a witness."""
    newest, note = _newest(site.paths)
    path = target or Path(f"anchor-{newest.size}.note")
    refuse_existing(path, overwrite=overwrite)
    return _write(path, note, newest, overwrite=overwrite)


def take_time_stamp(site: LocalSite, response: Path, certificates: Path | None) -> Anchored:
    """Verify the response of a time-stamping authority and record it as an anchor.

    The authority is trusted from now on if its certificates are given. Raises `AuditError` when the
    response is not about a head of this log, or does not verify.
    """
    proof = read_file(response, MAX_PROOF_BYTES)
    trusted = read_anchor_trust(site.paths.keys).certificates
    given = None
    if certificates is not None:
        given = read_file(certificates, MAX_CERTIFICATES_BYTES)
        require_certificates(given)
        trusted = (given,)
    elif not trusted:
        raise UsageError(
            "no time-stamping authority is trusted here",
            hint="--tsa-ca CA.pem names the certificates of the authority that made the response",
        )
    checkpoint = _find(site.paths, lambda one: _digest(one) in proof)
    if checkpoint is None:
        raise AuditError(
            f"{response} is not about a checkpoint of this log",
            hint="`mission audit anchor --tsa` writes a request for the newest one",
        )
    stamp = OpensslStamps(trusted).verify(_digest(checkpoint), proof)
    if given is not None:
        trust_certificates(site.paths.keys, given)
    return _record(site, "time-stamp", checkpoint, stamp.by, stamp.at, proof)


def take_cosignature(site: LocalSite, cosigned: Path, witness: Witness | None) -> Anchored:
    """Verify the cosignature of a witness and record it as an anchor.

    The witness is trusted from now on if it is given. Raises `AuditError` when the note is not a
    checkpoint of this log, or the cosignature does not verify.
    """
    data = read_file(cosigned, MAX_PROOF_BYTES)
    checkpoint, note = parse_checkpoint(data), parse_note(data)
    trusted = read_anchor_trust(site.paths.keys).witnesses if witness is None else (witness,)
    if not trusted:
        raise UsageError(
            "no witness is trusted here", hint="--witness VKEY names the key of the witness"
        )
    text = _text(checkpoint)
    if _find(site.paths, lambda one: _text(one) == text, after=checkpoint.size - 1) is None:
        raise AuditError(
            f"{cosigned} is not a checkpoint of this log",
            hint="`mission audit anchor --checkpoint` writes the newest one",
        )
    named = {(one.name, one.key_id) for one in note.signatures}
    chosen = next((one for one in trusted if (one.name, one.key_id) in named), trusted[0])
    found = open_cosignature(note, chosen)
    if witness is not None:
        trust_witness(site.paths.keys, witness)
    at = found.seconds * 1_000_000_000
    return _record(site, "cosignature", checkpoint, chosen.name, at, found.line.encode())


def _newest(paths: Paths) -> tuple[Checkpoint, bytes]:
    """Return the newest checkpoint, signed by a key that is trusted, and its note."""
    with _opened(paths) as source:
        found = source.last_checkpoint()
        note = found[1] if found is not None else None
        if not isinstance(note, bytes):
            raise AuditError(
                "nothing in the log is signed yet", hint="`mission audit verify` says more"
            )
        return open_checkpoint(note, _keys(paths, source)), note


def _find(
    paths: Paths, is_it: Callable[[Checkpoint], bool], *, after: int = 0
) -> Checkpoint | None:
    """Return the first checkpoint behind `after` events of which `is_it` is true.

    Raises `NoteError` unless a trusted key has signed it.
    """
    with _opened(paths) as source:
        for _, note in source.checkpoints(after=after):
            with suppress(NoteError):  # what is wrong with others is for `audit verify` to say
                if isinstance(note, bytes) and is_it(parse_checkpoint(note)):
                    break
        else:
            return None
        return open_checkpoint(note, _keys(paths, source))


@contextmanager
def _opened(paths: Paths) -> Iterator[SqliteChainSource]:
    if not paths.has_database:
        raise NotFoundError(f"there is no database {paths.db} yet")
    with closing(SqliteChainSource(paths.db, ())) as source:
        yield source


def _keys(paths: Paths, source: SqliteChainSource) -> list[Verifier]:
    log_id = str(source.meta().get("log_id"))
    return [log_verifier(log_id, key.public_key) for key in public_keys(paths.keys)]


def _digest(checkpoint: Checkpoint) -> bytes:
    """Return the SHA-256 of a checkpoint's text, which is what is stamped."""
    return hashlib.sha256(_text(checkpoint).encode()).digest()


def _text(checkpoint: Checkpoint) -> str:
    return checkpoint_text(checkpoint.origin, checkpoint.size, checkpoint.root)


def _write(path: Path, data: bytes, of: Checkpoint, *, overwrite: bool) -> AnchorFile:
    with new_file(path) as file:
        file.write(data)
        file.flush()
        put_in_place(Path(file.name), path, overwrite=overwrite)
    return AnchorFile(path=str(path), events=of.size, head=f"{of.size}:{of.root.hex()}")


def _record(
    site: LocalSite, kind: str, checkpoint: Checkpoint, by: str, at: int, proof: bytes
) -> Anchored:
    record = AnchorRecord(
        kind="time-stamp" if kind == "time-stamp" else "cosignature",
        size=checkpoint.size,
        root=checkpoint.root.hex(),
        by=by,
        time=rfc3339(at),
        proof=pieces_of(proof),
    )
    asyncio.run(record_anchor(site, facts_of(record)))
    return Anchored(kind=record.kind, events=record.size, root=record.root, by=by, at=record.time)
