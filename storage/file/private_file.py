"""Files that only their owner may read, checked and written through their folder's descriptor."""

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from core.errors import UnavailableError
from core.machine.file_owner import user_name, whose

MAX_KEY_BYTES: Final = 16 * 1024


def create_private_file(path: Path) -> None:
    """Create an empty file of mode 0600 that did not exist; `FileExistsError` if it did."""
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, 0o600))


@contextmanager
def private_folder(folder: Path, *, create: bool) -> Iterator[int]:
    """Hold a folder open by its descriptor, so that what is checked is what is used.

    Raises `UnavailableError` when it belongs to somebody else, others can write to it, or it cannot
    be used.
    """
    try:
        if create:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise UnavailableError(
            f"the private folder {folder} cannot be used: {error.strerror}{whose(folder)}",
            hint="MISSION_HOME names the folder that holds it",
        ) from error
    try:
        found = os.fstat(directory)
        if found.st_uid != os.geteuid():
            raise UnavailableError(
                f"the private folder {folder} belongs to {user_name(found.st_uid)}",
                hint="run as its owner, or give MISSION_HOME a folder of your own",
            )
        if found.st_mode & 0o022:
            raise UnavailableError(
                f"others can write to the private folder {folder}", hint=f"chmod 700 {folder}"
            )
        yield directory
    except OSError as error:
        raise UnavailableError(
            f"the files in {folder} cannot be used: {error.strerror or error}",
        ) from error
    finally:
        os.close(directory)


def read_checked(
    directory: int, folder: Path, name: str, *, secret: bool, limit_bytes: int = MAX_KEY_BYTES
) -> bytes | None:
    """Return the bytes of a file of the folder; None when there is no file.

    Raises `UnavailableError` for a link, a file of another user, one that is open to others
    (`secret`: to be read, otherwise to be written), and one of more than `limit_bytes`.
    """
    path = folder / name
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        handle = os.open(name, flags, dir_fd=directory)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise UnavailableError(
                f"the private file {path} is a symbolic link", hint="put the file itself there"
            ) from error
        raise
    with os.fdopen(handle, "rb") as file:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise UnavailableError(f"the private file {path} is not a regular file")
        if found.st_uid != os.geteuid():
            raise UnavailableError(f"the private file {path} belongs to {user_name(found.st_uid)}")
        if found.st_mode & (0o077 if secret else 0o022):
            mode = "600" if secret else "644"
            raise UnavailableError(
                f"the private file {path} is open to others (mode {found.st_mode & 0o777:03o})",
                hint=f"chmod {mode} {path}; if others may have read it, its content is no secret"
                if secret
                else f"chmod {mode} {path}",
            )
        data = file.read(limit_bytes + 1)
    if len(data) > limit_bytes:
        raise UnavailableError(
            f"the private file {path} is larger than {limit_bytes} bytes, too large to be one"
        )
    return data


def create_whole(directory: int, name: str, data: bytes, mode: int) -> None:
    """Put a complete, synced file in place unless there is one already."""
    temporary = _write_temporary(directory, name, data, mode)
    try:
        with suppress(FileExistsError):  # another process was first: its file counts
            os.link(
                temporary, name, src_dir_fd=directory, dst_dir_fd=directory, follow_symlinks=False
            )
    finally:
        os.unlink(temporary, dir_fd=directory)
    os.fsync(directory)


def replace_whole(directory: int, name: str, data: bytes, mode: int) -> None:
    """Put a complete, synced file in the place of an older one, or of none."""
    temporary = _write_temporary(directory, name, data, mode)
    try:
        os.rename(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)
    except BaseException:
        os.unlink(temporary, dir_fd=directory)
        raise
    os.fsync(directory)


def _write_temporary(directory: int, name: str, data: bytes, mode: int) -> str:
    temporary = f".{name}.{os.getpid()}.{secrets.token_hex(8)}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    handle = os.open(temporary, flags, mode, dir_fd=directory)
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchmod(handle, mode)
            file.write(data)
            file.flush()
            os.fsync(handle)
    except BaseException:
        os.unlink(temporary, dir_fd=directory)
        raise
    return temporary
