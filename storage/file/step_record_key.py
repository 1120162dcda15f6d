"""The key of the digests in records of steps: 32 random bytes in a file of their own."""

import secrets
from pathlib import Path
from typing import Final

from core.errors import UnavailableError
from storage.file.private_file import create_whole, private_folder, read_checked

KEY_FILE: Final = "step-records.key"
KEY_BYTES: Final = 32


def read_step_record_key(folder: Path) -> bytes:
    """Return the key of `folder`, created on first use; concurrent processes get the same key.

    Without the key, or with another, no record agrees any more and every step runs once. Raises
    `UnavailableError` when the file cannot be used.
    """
    with private_folder(folder, create=True) as directory:
        data = read_checked(directory, folder, KEY_FILE, secret=True)
        if data is None:
            create_whole(directory, KEY_FILE, secrets.token_bytes(KEY_BYTES), 0o600)
            data = read_checked(directory, folder, KEY_FILE, secret=True)
    if data is None or len(data) != KEY_BYTES:
        raise UnavailableError(
            f"the key {folder / KEY_FILE} is damaged",
            hint="remove it: it is made anew, and steps that declare their files run once more",
        )
    return data
