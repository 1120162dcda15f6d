"""Path resolution confined to a folder: every component is opened relative to the one before it.

A path is walked from a descriptor of the working directory, one component at a time, and the kernel
never follows a symbolic link (`openat` with O_NOFOLLOW). A link on the way is read and its target
walked by the same rules, so it may point elsewhere inside the folder but never outside, and
swapping a folder for a link between two system calls has no effect (no TOCTOU race). Devices,
FIFOs, sockets and protected paths (`core.steps.file.protection`: the home folder) are refused. A
folder that the settings permit is a tree of its own: an absolute path may name what is in it, and
the same rules hold there. Not defended against: a hard link made by somebody who could read the
file anyway.
"""

import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

from core.steps.file.place import OutsideError, PathRefusedError, Place, named_error, sync_folder
from core.steps.file.protection import Protection

MAX_LINKS = 40
MAX_COMPONENTS = 255
_PATH_ONLY = getattr(os, "O_PATH", os.O_RDONLY)
_WALK = _PATH_ONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Tree:
    """An open folder to which file access is confined; the only way steps reach files."""

    __slots__ = ("_fd", "_permitted", "_protected", "_roots", "prefix", "root")

    def __init__(
        self,
        root: Path,
        protected: Iterable[Path] = (),
        permitted: Iterable[Path] = (),
        *,
        prefix: str = "",
    ) -> None:
        self.root = root
        self.prefix = prefix
        """What the paths of its places begin with: nothing for the working folder."""
        self._permitted = tuple(permitted)
        self._protected = Protection(protected)
        self._protected.check_root(root)
        self._fd = os.open(str(root), _PATH_ONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._roots = {_components(str(path)) for path in (root.absolute(), root.resolve())}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)

    @contextmanager
    def place(
        self, path: str, *, make_parents: bool = False, follow: bool = True, links: bool = True
    ) -> Iterator[Place]:
        """Resolve `path` and yield its final location; the last component need not exist.

        `follow` resolves a link in the last component (inside the tree); `links=False` refuses
        every link. Raises `PathRefusedError`, or `OSError` when a parent folder is missing.
        """
        with self.around(path) as tree:
            walk = _Walk(tree, path, make_parents=make_parents, follow=follow, links=links)
            try:
                yield walk.run()
            finally:
                walk.close()

    @contextmanager
    def around(self, path: str) -> Iterator["Tree"]:
        """Yield the tree that `path` lies in: that of a permitted folder, else this one."""
        components = _components(path)
        is_own = not path.startswith("/") or any(
            components[: len(root)] == root for root in self._roots
        )
        if not is_own:
            for folder in self._permitted:
                root = _components(str(folder))
                if components[: len(root)] == root:
                    with Tree(folder, self._protected.paths, prefix=f"{folder}/") as tree:
                        yield tree
                    return
        yield self

    def subtree(self, place: Place) -> "Tree":
        """Return the folder at `place` as a tree of its own with the same protected paths."""
        inner = object.__new__(Tree)
        inner.root = self.root / place.path
        inner.prefix = ""
        inner._permitted = self._permitted
        below = _components(place.path)
        is_absolute = place.path.startswith("/")
        inner._roots = {below} if is_absolute else {(*root, *below) for root in self._roots}
        inner._protected = self._protected
        inner._fd = place.open_folder()
        return inner

    @property
    def descriptor(self) -> int:
        """The descriptor of the root folder."""
        return self._fd

    def relative(self, path: str) -> tuple[str, ...]:
        """Return the components of `path` below the root, `..` unresolved."""
        if "\0" in path:
            raise PathRefusedError("a path with a NUL byte is refused")
        try:
            os.fsencode(path)
        except UnicodeEncodeError as error:
            raise OSError(errno.EILSEQ, "cannot be a file name", ascii(path)) from error
        components = _components(path)
        if not path.startswith("/"):
            return components
        for root in self._roots:
            if components[: len(root)] == root:
                return components[len(root) :]
        raise OutsideError(f"{path} is outside the working directory {self.root}")

    def is_protected(self, found: os.stat_result) -> bool:
        """Tell whether that file or folder is protected from steps."""
        return self._protected.covers(found)

    def check_protected(self, place: Place, found: os.stat_result | None) -> None:
        """Refuse a protected file or folder, by its identity and by its name."""
        self.check_name(place.directory, place.name, place.path)
        if found is not None and self.is_protected(found):
            raise _refusal(place.path)

    def check_name(self, directory: int, name: str, shown: str) -> None:
        """Refuse a protected name in an open folder, whether it exists or not."""
        if self._protected and self._protected.covers_name(directory, name):
            raise _refusal(shown)

    def is_missing_ancestor(self, directory: int, name: str) -> bool:
        """Tell whether a name is a missing ancestor of a protected path."""
        return self._protected.is_missing_ancestor(directory, name)

    def refresh_protection(self) -> None:
        """Locate the protected paths again, after a missing ancestor was created."""
        self._protected.refresh()


class _Walk:
    """One path being resolved: the folders opened so far, and the remaining components."""

    def __init__(
        self, tree: Tree, path: str, *, make_parents: bool, follow: bool, links: bool
    ) -> None:
        self.tree, self.path = tree, path
        self.make_parents, self.follow, self.links = make_parents, follow, links
        self.stack = [tree.descriptor]
        self.names: list[str] = []
        self.pending = list(reversed(tree.relative(path)))
        self.hops = 0
        self.link = ""
        if len(self.pending) > MAX_COMPONENTS:
            raise PathRefusedError(f"a path of more than {MAX_COMPONENTS} components is refused")

    def close(self) -> None:
        """Close the descriptors opened on the way."""
        for descriptor in self.stack[1:]:
            os.close(descriptor)

    def run(self) -> Place:
        """Resolve all components but the last, which is returned as a name."""
        try:
            while self.pending:
                name = self.pending.pop()
                if name == "..":
                    self._up()
                elif self.pending:
                    self._down(name)
                elif not self._followed(name):
                    return self._place(name)
            return self._place(".")
        except BaseException:
            self.close()
            self.stack = self.stack[:1]
            raise

    def _place(self, name: str) -> Place:
        shown = self._shown(None if name == "." else name)
        return Place(self.tree, self.stack[-1], name, shown, len(self.names))

    def _up(self) -> None:
        if len(self.stack) == 1:
            how = f"the symbolic link {self.link}" if self.link else "'..'"
            raise OutsideError(f"{self.path} leaves the working directory by {how}")
        os.close(self.stack.pop())
        self.names.pop()

    def _down(self, name: str) -> None:
        self.tree.check_name(self.stack[-1], name, self._shown(name))
        is_missing_ancestor = self.tree.is_missing_ancestor(self.stack[-1], name)
        try:
            descriptor = os.open(name, _WALK, dir_fd=self.stack[-1])
        except FileNotFoundError as error:
            if not self.make_parents:
                raise named_error(error, self._shown(name)) from error
            with suppress(FileExistsError):
                os.mkdir(name, dir_fd=self.stack[-1])
                sync_folder(self.stack[-1])
            self._again(name)
            return
        except OSError as error:
            if error.errno not in {errno.ENOTDIR, errno.ELOOP} or not self._followed(name):
                raise named_error(error, self._shown(name)) from error
            return
        if len(self.stack) > MAX_COMPONENTS:
            os.close(descriptor)
            raise PathRefusedError(f"a path of more than {MAX_COMPONENTS} components is refused")
        self.stack.append(descriptor)
        self.names.append(name)
        if self.tree.is_protected(os.fstat(descriptor)):
            raise _refusal(self._shown())
        if is_missing_ancestor:
            self.tree.refresh_protection()

    def _followed(self, name: str) -> bool:
        """Replace a link by its target, to be resolved next; return False if it is not a link."""
        if self.pending == [] and not self.follow:
            return False
        try:
            target = os.readlink(name, dir_fd=self.stack[-1])
        except FileNotFoundError:
            return False
        except OSError as error:
            if error.errno == errno.EINVAL:
                return False
            raise named_error(error, self._shown(name)) from error
        if not self.links:
            raise PathRefusedError(f"{self._shown(name)} is a symbolic link, which is refused here")
        self._again()
        self.link = self._shown(name)
        try:
            components = self.tree.relative(target)
        except PathRefusedError as error:
            raise OutsideError(
                f"the symbolic link {self.link} leads to {target}, outside the working directory"
            ) from error
        if target.startswith("/"):
            self.close()
            self.stack, self.names = self.stack[:1], []
        self.pending.extend(reversed(components))
        return True

    def _again(self, name: str | None = None) -> None:
        self.hops += 1
        if self.hops > MAX_LINKS + MAX_COMPONENTS * self.make_parents:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), self.path)
        if name is not None:
            self.pending.append(name)

    def _shown(self, name: str | None = None) -> str:
        below = "/".join([*self.names, name] if name else self.names)
        return self.tree.prefix + below or "."


def _refusal(shown: str) -> PathRefusedError:
    return PathRefusedError(
        f"{shown} is protected: it belongs to Mission Deck (its home folder, database or keys)"
    )


def _components(path: str) -> tuple[str, ...]:
    return tuple(part for part in path.split("/") if part not in {"", "."})
