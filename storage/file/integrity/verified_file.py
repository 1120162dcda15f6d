"""The remembered state of a verification: a signed note beside the keys, readable by its owner.

It lies in the folder of the keys and not beside the database, where whoever can replace the
database could remove it. What it says counts only with a signature (`core.audit.verify`).
"""

from pathlib import Path

from core.audit.chain.chain import is_log_id
from core.audit.format.note import MAX_NOTE_BYTES
from core.errors import UnavailableError
from storage.file.private_file import private_folder, read_checked, replace_whole


def read_verified(folder: Path, log_id: str) -> bytes | None:
    """Return the note on a log, None if there is none or it cannot be read."""
    if not is_log_id(log_id) or not folder.exists():
        return None
    try:
        with private_folder(folder, create=False) as directory:
            return read_checked(
                directory, folder, _name(log_id), secret=True, limit_bytes=MAX_NOTE_BYTES
            )
    except UnavailableError:
        return None


def write_verified(folder: Path, log_id: str, data: bytes) -> None:
    """Put a note in the place of an older one; `UnavailableError` if that is not possible."""
    if is_log_id(log_id):
        with private_folder(folder, create=False) as directory:
            replace_whole(directory, _name(log_id), data, 0o600)


def _name(log_id: str) -> str:
    return f"verified-{log_id}.note"
