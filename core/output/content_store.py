"""Files by the SHA-256 of their content: `FOLDER/ab/abcdef…`, each written once and never changed.

What is kept here is listed elsewhere; a file that nothing lists may be removed at any time.
"""

import hashlib
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path

from core.errors import AuditError, NotFoundError, UnavailableError

READ_BYTES = 1 << 20
NEW_SECONDS = 60
"""A file that was written to so recently is left alone, whether it is locked or not."""
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class ContentStore:
    """The files of one folder, which is made when the first is put into it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._is_swept = False

    def put(self, chunks: Iterable[bytes]) -> str:
        """Keep content and return its SHA-256 (hex), once it is durable.

        What `chunks` or the system raise leaves nothing behind. The same content is written again,
        which repairs a file that was damaged.
        """
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self._is_swept:
            self._is_swept = True
            self.remove_unfinished()
        unfinished = self.folder / f".{os.urandom(8).hex()}.unfinished"
        digest = hashlib.sha256()
        try:
            descriptor = os.open(unfinished, _NEW, 0o600)
            try:
                with suppress(OSError):  # a file system without locks
                    flock(descriptor, LOCK_EX)
                for chunk in chunks:
                    digest.update(chunk)
                    view = memoryview(chunk)
                    while view:
                        view = view[os.write(descriptor, view) :]
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            name = digest.hexdigest()
            path = self.path_of(name)
            if not path.parent.is_dir():
                path.parent.mkdir(mode=0o700, exist_ok=True)
                _sync_folder(self.folder)
            unfinished.replace(path)
            _sync_folder(path.parent)
            return name
        finally:
            with suppress(OSError):
                unfinished.unlink(missing_ok=True)

    def path_of(self, digest: str) -> Path:
        """Return where the content of that SHA-256 is, if it is kept."""
        return self.folder / digest[:2] / digest

    def remove(self, digest: str) -> int:
        """Remove content that nothing lists any more; return how many bytes it had, 0 without it.

        Raises `UnavailableError` when it cannot be removed.
        """
        path = self.path_of(digest)
        try:
            size = path.lstat().st_size
            path.unlink()
        except FileNotFoundError:
            return 0
        except OSError as error:
            raise UnavailableError(
                f"{path} cannot be removed: {error.strerror or error}"
            ) from error
        return size

    def remove_unfinished(self) -> int:
        """Remove what processes have left that were killed while they wrote; return how many.

        Whoever writes holds a lock on the file; one that was just created may not have it yet.
        """
        removed = 0
        before = time.time() - NEW_SECONDS
        with suppress(OSError):  # it takes room, and nothing else depends on it
            for path in self.folder.glob(".*.unfinished"):
                if path.lstat().st_mtime > before:
                    continue
                descriptor = os.open(path, _READ)
                try:
                    with suppress(BlockingIOError):
                        flock(descriptor, LOCK_EX | LOCK_NB)
                        path.unlink(missing_ok=True)
                        removed += 1
                finally:
                    os.close(descriptor)
        return removed

    def read(self, digest: str, write: Callable[[bytes], object]) -> None:
        """Hand the content to `write`, piece by piece; raises what `pieces` raises."""
        for piece in self.pieces(digest):
            write(piece)

    def pieces(self, digest: str) -> Iterator[bytes]:
        """Yield the content, piece by piece.

        Raises `NotFoundError` when it is not there, and at its end `AuditError` when it is not the
        content of that digest: then what was yielded is not to be used.
        """
        try:
            descriptor = os.open(self.path_of(digest), _READ)
        except FileNotFoundError as error:
            raise NotFoundError(
                f"the content {digest} is not kept any more",
                hint="it was removed from the home folder",
            ) from error
        found = hashlib.sha256()
        try:
            for chunk in chunks_of(descriptor):
                found.update(chunk)
                yield chunk
        finally:
            os.close(descriptor)
        if found.hexdigest() != digest:
            raise AuditError(
                f"{self.path_of(digest)} was changed: its SHA-256 is {found.hexdigest()}"
            )


def chunks_of(descriptor: int) -> Iterator[bytes]:
    """Yield what is left to read of an open file."""
    while chunk := os.read(descriptor, READ_BYTES):
        yield chunk


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
