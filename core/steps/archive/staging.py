"""A staging folder that is filled first and then moved to its destination: all of it or nothing.

The staging folder is below the nearest existing folder of the destination, so that moving it is a
rename. Conflicts with existing files are detected before the first one is moved.
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
from core.steps.file.place import ALREADY_EXISTS, LIST_FLAGS, PathRefusedError, Place, take_name


class Staging:
    """An empty folder to fill (`tree`), which `publish` merges into the destination."""

    def __init__(self, outer: Tree, destination: str, anchor: Tree, name: str, tree: Tree) -> None:
        self._outer, self._destination = outer, destination
        self._anchor, self._name = anchor, name
        self.tree = tree

    def publish(self, *, overwrite: bool, keep_modes: Collection[str] = ()) -> str:
        """Move everything into the destination and return its path; create it when missing.

        Files whose path is in `keep_modes` take over the permissions of the files they replace.
        Raises `FileExistsError` or `StepFailedError` for conflicts, before anything is moved.
        """
        while True:
            with self._outer.place(self._destination, make_parents=True) as place:
                try:
                    self._move_all(place, overwrite=overwrite, keep_modes=keep_modes)
                except _FolderTakenError:
                    continue  # merge the rest into it
                place.sync()
                return place.path

    def _move_all(self, place: Place, *, overwrite: bool, keep_modes: Collection[str]) -> None:
        if place.status() is None:
            _check_missing_ancestor(self._outer, place)
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
    """Raised when another process has created the folder since it was checked."""


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
    """Yield a folder to fill; remove what has not been published when the block ends."""
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
    """Yield the folder at `path`, or its nearest existing ancestor."""
    with tree.around(path) as around:
        components = around.relative(path)
        for length in range(len(components), -1, -1):
            below = "/".join(components[:length])
            try:
                with around.place(around.prefix + below or ".") as place:
                    if place.status() is None:
                        continue
                    anchor = around.subtree(place)
            except FileNotFoundError:
                continue
            with anchor:
                yield anchor
            return


def _moves(staged: int, target: Tree, prefix: str, *, overwrite: bool) -> Iterator[str]:
    """Yield the paths to be renamed: files, links, and folders that do not exist yet."""
    for name in sorted(os.listdir(staged), key=os.fsencode):
        path = prefix + name
        is_folder = stat.S_ISDIR(os.stat(name, dir_fd=staged, follow_symlinks=False).st_mode)
        with target.place(path, follow=False, links=False) as place:
            found = place.status()
            _check_missing_ancestor(target, place)
            if not is_folder or found is None:
                _check_room(place, found, overwrite=overwrite)
                yield path
                continue
            if not stat.S_ISDIR(found.st_mode):
                raise StepFailedError(f"{place.path} exists and is not a folder", "exists")
        inner = os.open(name, LIST_FLAGS, dir_fd=staged)
        try:
            yield from _moves(inner, target, f"{path}/", overwrite=overwrite)
        finally:
            os.close(inner)


def _check_missing_ancestor(tree: Tree, place: Place) -> None:
    """Refuse to put a folder or link where an ancestor of a protected path is missing."""
    if tree.is_missing_ancestor(place.directory, place.name):
        raise PathRefusedError(f"{place.path} would lead to the home folder of Mission Deck")


def _check_room(place: Place, found: os.stat_result | None, *, overwrite: bool) -> None:
    if found is None:
        return
    if stat.S_ISDIR(found.st_mode):
        raise FileExistsError(errno.EEXIST, "exists already", place.path)
    if not overwrite:
        raise FileExistsError(errno.EEXIST, ALREADY_EXISTS, place.path)
    if not stat.S_ISLNK(found.st_mode):
        place.file_status()  # refuses a device, FIFO or socket
