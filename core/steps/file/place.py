"""A name within an open folder, and its operations: stat, open, replace, remove.

Nothing here follows a symbolic link, and only regular files and folders are opened. Paths are
resolved to places by `core.steps.file.confined_tree`.
"""

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Protocol

from msgspec import Struct

ALREADY_EXISTS = "exists already, and overwrite is false"

LIST_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_NO_HARD_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK})

_KINDS = {
    stat.S_IFCHR: "a character device",
    stat.S_IFBLK: "a block device",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
}


class PathRefusedError(Exception):
    """Raised when a path leaves its tree or names a protected file: a security violation."""


class OutsideError(PathRefusedError):
    """Raised when a path leaves its tree: the settings may permit the folder that it leads to."""


class Guard(Protocol):
    """Knows which files are protected from steps."""

    def check_protected(self, place: "Place", found: os.stat_result | None) -> None:
        """Raise `PathRefusedError` if `place`, whose status is `found`, is protected."""


class Place(Struct, frozen=True):
    """A resolved path: a name within an open folder. Valid inside `Tree.place` only.

    With `follow`, `name` was not a symbolic link when it was resolved; it is `"."` for the folder
    itself. `path` is relative to the tree, with slashes between components.
    """

    tree: "Guard"
    directory: int
    name: str
    path: str
    depth: int
    """The number of folders from the tree's root down to the open folder."""

    def status(self) -> os.stat_result | None:
        """Return the status of the entry (of a link itself), or None; refuse protected ones."""
        try:
            found = os.stat(self.name, dir_fd=self.directory, follow_symlinks=False)
        except FileNotFoundError:
            found = None
        self.tree.check_protected(self, found)
        return found

    def file_status(self) -> os.stat_result | None:
        """Return the status of a regular file, or None if the name does not exist.

        Raises `PathRefusedError` for a device, FIFO or socket and `OSError` for a folder or link.
        """
        found = self.status()
        if found is not None:
            self._check_regular(found)
        return found

    def open_file(self, flags: int = 0) -> int:
        """Open an existing regular file, by default for reading; the caller closes it."""
        if self.file_status() is None and not flags & os.O_CREAT:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), self.path)
        try:
            descriptor = os.open(self.name, _READ | flags, 0o666, dir_fd=self.directory)
        except OSError as error:
            raise named_error(error, self.path) from error
        try:
            opened = os.fstat(descriptor)
            self._check_regular(opened)
            self.tree.check_protected(self, opened)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def open_folder(self) -> int:
        """Open an existing folder for listing; the caller closes it."""
        self.status()
        try:
            return os.open(self.name, LIST_FLAGS, dir_fd=self.directory)
        except OSError as error:
            raise named_error(error, self.path) from error

    def remove(self) -> None:
        """Unlink the file, or the link itself."""
        try:
            os.unlink(self.name, dir_fd=self.directory)
        except OSError as error:
            raise named_error(error, self.path) from error
        self.sync()

    def sync(self) -> None:
        """Make the folder's entries durable."""
        sync_folder(self.directory)

    @contextmanager
    def written(
        self, *, mode: int | None = None, overwrite: bool = True, durable: bool = True
    ) -> Iterator[int]:
        """Yield a descriptor for the file's new content, which replaces the old atomically.

        The content goes to a temporary file in the same folder, which is renamed when the block
        ends without an error. `mode` None keeps the permissions of the replaced file. Without
        `overwrite`, raises `FileExistsError` if the name exists, even if it was created meanwhile.
        """
        before = self.file_status()
        if before is not None and not overwrite:
            raise FileExistsError(errno.EEXIST, ALREADY_EXISTS, self.path)
        if mode is None and before is not None:
            mode = stat.S_IMODE(before.st_mode) & 0o777
        temporary = f".mission-{secrets.token_hex(8)}.tmp"
        descriptor = self._create(temporary, 0o666 if mode is None else 0o600)
        try:
            try:
                yield descriptor
                if mode is not None:
                    os.fchmod(descriptor, mode)
                if durable:
                    os.fsync(descriptor)
            except OSError as error:
                raise error if error.filename else named_error(error, self.path) from error
            finally:
                os.close(descriptor)
            self._publish(temporary, overwrite=overwrite)
        finally:
            with suppress(FileNotFoundError):
                os.unlink(temporary, dir_fd=self.directory)
        if durable:
            self.sync()

    def _create(self, name: str, mode: int) -> int:
        try:
            return os.open(name, _CREATE, mode, dir_fd=self.directory)
        except OSError as error:
            raise named_error(error, self.path) from error

    def _publish(self, temporary: str, *, overwrite: bool) -> None:
        try:
            if overwrite:
                os.rename(
                    temporary, self.name, src_dir_fd=self.directory, dst_dir_fd=self.directory
                )
            else:
                take_name(self.directory, temporary, self)
        except OSError as error:
            raise named_error(error, self.path) from error

    def _check_regular(self, found: os.stat_result) -> None:
        kind = stat.S_IFMT(found.st_mode)
        if kind in _KINDS:
            raise PathRefusedError(
                f"{self.path} is {_KINDS[kind]}, which file steps are not allowed to use"
            )
        if kind == stat.S_IFDIR:
            raise IsADirectoryError(errno.EISDIR, "is a folder, not a file", self.path)
        if kind == stat.S_IFLNK:
            raise OSError(errno.ELOOP, "is a symbolic link", self.path)


def take_name(source_directory: int, source_name: str, place: Place) -> None:
    """Rename a file to `place`; `FileExistsError` if that name exists.

    A hard link is the portable form of renameat2(RENAME_NOREPLACE): it never replaces a file.
    """
    try:
        os.link(
            source_name,
            place.name,
            src_dir_fd=source_directory,
            dst_dir_fd=place.directory,
            follow_symlinks=False,
        )
    except FileExistsError as error:
        raise FileExistsError(errno.EEXIST, ALREADY_EXISTS, place.path) from error
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        # The file system has no hard links: reserve the name, then replace the empty file.
        os.close(os.open(place.name, _CREATE, 0o600, dir_fd=place.directory))
        os.rename(source_name, place.name, src_dir_fd=source_directory, dst_dir_fd=place.directory)
    else:
        os.unlink(source_name, dir_fd=source_directory)


def named_error(error: OSError, path: str) -> OSError:
    """Return the error with the path from the root of the tree instead of a bare name."""
    return OSError(error.errno, error.strerror or str(error), path)


def sync_folder(directory: int) -> None:
    """Make a folder's entries durable (fsync); its descriptor may be an O_PATH one."""
    folder = os.open(".", LIST_FLAGS, dir_fd=directory)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
