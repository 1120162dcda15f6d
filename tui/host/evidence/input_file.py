"""Files of the user that evidence is read from, never more of them than they may have."""

from pathlib import Path

from core.errors import NotFoundError, UnavailableError, UsageError


def read_file(path: Path, limit_bytes: int) -> bytes:
    """Return the bytes of a file; `NotFoundError`, `UsageError` for more, `UnavailableError`."""
    try:
        with path.open("rb") as file:
            data = file.read(limit_bytes + 1)
    except FileNotFoundError as error:
        raise NotFoundError(f"there is no file {path}") from error
    except OSError as error:
        raise UnavailableError(f"{path} cannot be read: {error.strerror or error}") from error
    if len(data) > limit_bytes:
        raise UsageError(
            f"{path} has more than {limit_bytes} bytes, too many for what it should be"
        )
    return data
