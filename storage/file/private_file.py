"""Files that only their owner may read."""

import os
from pathlib import Path


def create_private_file(path: Path) -> None:
    """Create an empty file of mode 0600 that did not exist; `FileExistsError` if it did."""
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, 0o600))
