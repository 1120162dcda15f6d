"""A folder filled aside, and put where it belongs when it is complete: all of it or nothing.

What is put aside lies below the nearest folder of the destination that exists, so that moving it is
renaming. Whatever stands in the way is found before the first name is taken.
"""

import errno
import os
import secrets
import shutil
import stat
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from core.step_type.failure import StepFailedError
from core.steps.file.confined_tree import Tree
from core.steps.file.place import LIST_FLAGS, TAKEN, PathRefusedError, Place, take_name


class Staging:
    """An empty folder to fill (`tree`), which `publish` merges into the destination."""

    def __init__(self, outer: Tree, destination: str, anchor: Tree, name: str, tree: Tree) -> None:
        self._outer, self._destination = outer, destination
        self._anchor, self._name = anchor, name
        self.tree = tree

    def publish(self, *, overwrite: bool, keep_modes: Collection[str] = ()) -> str:
        """Move everything into the destination, made when missing; return the destination's path.

        Files whose path is in `keep_modes` take over the permissions of what they replace. Raises
        `FileExistsError` or `StepFailedError` for what is in the way, before anything was moved.
        """
        while True:
            with self._outer.place(self._destination, make_parents=True) as place:
                try:
                    self._move_all(place, overwrite=overwrite, keep_modes=keep_modes)
                except _FolderTakenError:
                    continue  # what is left is merged into it
                place.sync()
                return place.path

    def _move_all(self, place: Place, *, overwrite: bool, keep_modes: Collection[str]) -> None:
        if place.status() is None:
            _check_way(self._outer, place)
            _rename_folder(self._anchor.descriptor, self._name, place)
            return
        with self._outer.subtree(place) as target:
            for path in list(_moves(self.tree.descriptor, target, "", overwrite=overwrite)):
                with (
                    self.tree.place(path, follow=False, links=False) as source,
                    target.place(path, follow=False, links=False) as goal,
                ):
                    _move(source, goal, overwrite=overwrite, keep_mode=path in keep_modes)


class _FolderTakenError(Exception):
    """Raised when somebody else has made the folder since we looked."""


def _move(source: Place, goal: Place, *, overwrite: bool, keep_mode: bool) -> None:
    mine, found = source.status(), goal.status()
    if mine is not None and stat.S_ISDIR(mine.st_mode):
        _rename_folder(source.directory, source.name, goal)
        return
    if keep_mode and found is not None and stat.S_ISREG(found.st_mode):
        mode = stat.S_IMODE(found.st_mode) & 0o777
        os.chmod(source.name, mode, dir_fd=source.directory)
    if not overwrite:
        take_name(source.directory, source.name, goal)
    else:
        os.rename(source.name, goal.name, src_dir_fd=source.directory, dst_dir_fd=goal.directory)


def _rename_folder(directory: int, name: str, goal: Place) -> None:
    try:
        os.rename(name, goal.name, src_dir_fd=directory, dst_dir_fd=goal.directory)
    except OSError as error:
        if error.errno in {errno.EEXIST, errno.ENOTEMPTY}:
            raise _FolderTakenError from error
        raise


@contextmanager
def staging(tree: Tree, destination: str) -> Iterator[Staging]:
    """Yield a folder to fill; what has not been published when the block ends is removed."""
    with _nearest(tree, destination) as anchor:
        name = f".mission-{secrets.token_hex(8)}.tmp"
        os.mkdir(name, dir_fd=anchor.descriptor)
        try:
            with anchor.place(name) as place, anchor.subtree(place) as inner:
                yield Staging(tree, destination, anchor, name, inner)
        finally:
            shutil.rmtree(name, ignore_errors=True, dir_fd=anchor.descriptor)


@contextmanager
def _nearest(tree: Tree, path: str) -> Iterator[Tree]:
    """Yield the folder at `path`, or the nearest above it that exists."""
    components = tree.relative(path)
    for length in range(len(components), -1, -1):
        try:
            with tree.place("/".join(components[:length]) or ".") as place:
                if place.status() is None:
                    continue
                anchor = tree.subtree(place)
        except FileNotFoundError:
            continue
        with anchor:
            yield anchor
        return


def _moves(staged: int, target: Tree, prefix: str, *, overwrite: bool) -> Iterator[str]:
    """Yield the paths to be renamed: files, links, and folders that are not there yet."""
    for name in sorted(os.listdir(staged), key=os.fsencode):
        path = prefix + name
        is_folder = stat.S_ISDIR(os.stat(name, dir_fd=staged, follow_symlinks=False).st_mode)
        with target.place(path, follow=False, links=False) as place:
            found = place.status()
            _check_way(target, place)
            if not is_folder or found is None:
                _check_room(place, found, overwrite=overwrite)
                yield path
                continue
            if not stat.S_ISDIR(found.st_mode):
                raise StepFailedError(f"{place.path} exists and is no folder", "exists")
        inner = os.open(name, LIST_FLAGS, dir_fd=staged)
        try:
            yield from _moves(inner, target, f"{path}/", overwrite=overwrite)
        finally:
            os.close(inner)


def _check_way(tree: Tree, place: Place) -> None:
    """Refuse to put a whole folder, or a link, where the way to a protected one is missing."""
    if tree.is_way(place.directory, place.name):
        raise PathRefusedError(f"{place.path} would lead to the home folder of Mission Deck")


def _check_room(place: Place, found: os.stat_result | None, *, overwrite: bool) -> None:
    if found is None:
        return
    if stat.S_ISDIR(found.st_mode):
        raise FileExistsError(errno.EEXIST, "exists already", place.path)
    if not overwrite:
        raise FileExistsError(errno.EEXIST, TAKEN, place.path)
    if not stat.S_ISLNK(found.st_mode):
        place.file_status()  # refuses a device, FIFO or socket
