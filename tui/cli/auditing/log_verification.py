"""`mission audit verify`: what to verify, against which heads, and with which keys."""

from pathlib import Path

from core.audit.format.key import Verifier, decode_vkey
from core.audit.verify.verdict import Report
from core.audit.verify.verify import (
    NotedHead,
    VerifyOptions,
    parse_head,
    parse_tiers,
    verify,
)
from core.errors import NotFoundError, UnavailableError, UsageError
from storage.file.keystore import public_keys
from storage.file.witness_file import require_heads
from storage.read.audit_source import SqliteChainSource
from tui.cli.invocation import Invocation
from tui.cli.printing.verify_progress import VerifyProgress

MAX_KEY_CHARACTERS = 1000


def verify_log(
    invocation: Invocation,
    *,
    deep: bool = False,
    head: str | None = None,
    witness: Path | None = None,
    keys: tuple[str, ...] = (),
    require: str = "",
) -> Report:
    """Verify the log of the database; the progress is shown on a terminal."""
    heads = [] if head is None else [parse_head(head)]
    tiers = parse_tiers(require)
    paths = invocation.paths
    if not paths.has_database:
        raise NotFoundError(f"there is no database {paths.db} to verify")
    trusted = [key.vkey for key in trusted_keys(paths.keys, keys)]
    source = SqliteChainSource(paths.db, trusted)
    try:
        if witness is not None:
            found = require_heads(witness, str(source.meta().get("log_id")))
            heads += [NotedHead(size=size, root=root) for size, root in found]
        options = VerifyOptions(deep=deep, heads=tuple(heads), require=tiers)
        with VerifyProgress(source.event_count) as progress:
            return verify(source, options, progress.show)
    finally:
        source.close()


def trusted_keys(folder: Path, given: tuple[str, ...]) -> list[Verifier]:
    """Return the keys that were given, each as a vkey or as a file with one, else the folder's."""
    if given:
        return [decode_vkey(_key_text(one)) for one in given]
    try:
        return public_keys(folder)
    except UnavailableError as error:
        hint = "--key names the public key to trust instead: a vkey, or a file with one"
        raise UnavailableError(error.message, hint=error.hint or hint) from error


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
