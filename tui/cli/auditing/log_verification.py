"""`mission audit verify`: what to verify, against which heads, and with which keys."""

from contextlib import closing, suppress
from pathlib import Path

from core.audit.chain.key_history import KnownKeys
from core.audit.format.cosignature import Witness, decode_witness_vkey
from core.audit.format.key import Verifier, decode_vkey
from core.audit.verify.log_checked import LogChecked
from core.audit.verify.verdict import Report
from core.audit.verify.verify import (
    NotedHead,
    VerifyOptions,
    parse_head,
    parse_tiers,
)
from core.errors import BugError, NotFoundError, UnavailableError, UsageError
from core.machine.system_clock import SystemClock
from storage.file.anchors.anchor_trust import MAX_CERTIFICATES_BYTES, AnchorTrust, read_anchor_trust
from storage.file.anchors.witness_file import require_heads
from storage.file.keystore import public_keys, revoked_keys
from storage.read.audit_source import SqliteChainSource
from tui.cli.invocation import Invocation
from tui.cli.printing.verify_progress import VerifyProgress
from tui.host.evidence.input_file import read_file
from tui.host.evidence.log_check import LogCheck

MAX_KEY_CHARACTERS = 1000


def verify_log(
    invocation: Invocation,
    *,
    deep: bool = False,
    head: str | None = None,
    witness: Path | None = None,
    keys: tuple[str, ...] = (),
    anchors: AnchorTrust | None = None,
    require: str = "",
) -> Report:
    """Verify all of the log of the database; the progress is shown on a terminal."""
    checked = check_log(
        invocation,
        deep=deep,
        head=head,
        witness=witness,
        keys=keys,
        anchors=anchors,
        require=require,
    )
    return report_of(checked)


def check_log(
    invocation: Invocation,
    *,
    deep: bool = False,
    head: str | None = None,
    witness: Path | None = None,
    keys: tuple[str, ...] = (),
    anchors: AnchorTrust | None = None,
    require: str = "",
) -> LogChecked:
    """Verify all of the log; also return what had been verified before."""
    heads = [] if head is None else [parse_head(head)]
    tiers = parse_tiers(require)
    check = _log_check(invocation, keys, anchors)
    if witness is not None:
        with closing(SqliteChainSource(invocation.paths.db, ())) as source:
            log_id = str(source.meta().get("log_id"))
        found = require_heads(witness, log_id)
        heads += [NotedHead(size=size, root=root) for size, root in found]
    options = VerifyOptions(deep=deep, heads=tuple(heads), require=tiers)
    with VerifyProgress() as progress:
        return check.full(options, progress.show)


def check_log_since(invocation: Invocation) -> LogChecked:
    """Verify the chain behind what was verified before; the progress is shown on a terminal."""
    check = _log_check(invocation, (), None)
    with VerifyProgress() as progress:
        return check.since(progress.show)


def report_of(checked: LogChecked) -> Report:
    """Return the report of a verification that was made."""
    if checked.report is None:
        raise BugError("a verification without a report")
    return checked.report


def _log_check(
    invocation: Invocation, keys: tuple[str, ...], anchors: AnchorTrust | None
) -> LogCheck:
    paths = invocation.paths
    if not paths.has_database:
        raise NotFoundError(f"there is no database {paths.db} to verify")
    if not keys:
        return LogCheck(paths, SystemClock(), anchors=anchors)
    known = known_keys(paths.keys, keys)
    return LogCheck(
        paths, SystemClock(), trusted=known.trusted, revoked=known.revoked, anchors=anchors
    )


def anchor_trust(
    folder: Path,
    keys: tuple[str, ...],
    certificates: tuple[Path, ...],
    witnesses: tuple[str, ...],
) -> AnchorTrust:
    """Return the authorities that were given, for those of a kind that were not the folder's.

    With keys that were given the folder is not read: it may be that of somebody else.
    """
    known = AnchorTrust()
    if not keys and not (certificates and witnesses):
        known = read_anchor_trust(folder)
    return AnchorTrust(
        tuple(read_file(one, MAX_CERTIFICATES_BYTES) for one in certificates) or known.certificates,
        tuple(witness_key(one) for one in witnesses) or known.witnesses,
    )


def witness_key(given: str) -> Witness:
    """Return the key of a witness, given as a vkey or as a file with one."""
    return decode_witness_vkey(_key_text(given))


def known_keys(folder: Path, given: tuple[str, ...]) -> KnownKeys:
    """Return the keys that were given, each as a vkey or as a file with one, else the folder's.

    What the folder says of revoked keys holds for both; with keys that are given it may be that of
    somebody else, and is left out if it cannot be used.
    """
    if given:
        trusted = tuple(given_key(one) for one in given)
        with suppress(UnavailableError):
            return KnownKeys(trusted, tuple(revoked_keys(folder)))
        return KnownKeys(trusted)
    try:
        return KnownKeys(tuple(public_keys(folder)), tuple(revoked_keys(folder)))
    except UnavailableError as error:
        hint = "--key names the public key to trust instead: a vkey, or a file with one"
        raise UnavailableError(error.message, hint=error.hint or hint) from error


def given_key(given: str) -> Verifier:
    """Return a key that is given as a vkey or as a file with one; `InvalidKeyError`."""
    return decode_vkey(_key_text(given))


def _key_text(given: str) -> str:
    """Return the vkey in the file of this name, or the text itself if there is no such file."""
    try:
        with Path(given).open(encoding="utf-8") as file:
            return file.read(MAX_KEY_CHARACTERS).strip()
    except FileNotFoundError:
        return given.strip()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise UsageError(f"the key file {given} cannot be read: {reason}") from error
