"""Finds the artifacts of an attempt in its working folder, and keeps their content in a store."""

import os
import stat
from collections.abc import Iterator
from threading import Lock

from msgspec import Struct

from core.output.content_store import ContentStore, chunks_of
from core.ports.artifacts import (
    ArtifactRefusedError,
    ArtifactRequest,
    Artifacts,
    KeptArtifacts,
    SecretScan,
)
from core.step_type.failure import StepFailedError
from core.steps.file.confined_tree import Tree
from core.steps.file.folder_walk import walk
from core.steps.file.place import PathRefusedError
from core.value.glob import Glob

MAX_FILES = 1000
"""The most files that are kept of one attempt: all of them are listed in its audit event."""

MAX_PATH_CHARACTERS = 1024
_MIB = 1024 * 1024
_WILD = frozenset("*?[")


class ArtifactLimits(Struct, frozen=True, kw_only=True):
    """How much may be kept, in MiB: of one attempt, and of all attempts of an execution."""

    step_mb: int = 1024
    execution_mb: int = 8192


class ArtifactFolder:
    """Implements `core.ports.artifacts.ArtifactKeeper` for one execution.

    `kept_bytes` is how much of the execution is kept already.
    """

    def __init__(self, store: ContentStore, limits: ArtifactLimits, kept_bytes: int = 0) -> None:
        self._store = store
        self._limits = limits
        self._kept_bytes = kept_bytes
        self._lock = Lock()

    def keep(self, request: ArtifactRequest) -> KeptArtifacts:
        """Keep the content of the files that match; durable when this returns."""
        try:
            with Tree(request.folder, request.protected) as tree:
                sizes, unmatched = _found(tree, request)
                kept = self._kept(tree, sizes, request) if sizes else {}
        except PathRefusedError as error:
            raise ArtifactRefusedError(f"artifacts: {error}", "ArtifactRefused") from error
        except StepFailedError as error:
            raise ArtifactRefusedError(
                f"artifacts: {error.message}", "ArtifactLimit", is_limit=True
            ) from error
        except OSError as error:
            name = f"{error.filename}: " if isinstance(error.filename, str) else ""
            raise ArtifactRefusedError(
                f"artifacts: {name}{error.strerror or error}", type(error).__name__
            ) from error
        return KeptArtifacts(kept, unmatched)

    def _kept(self, tree: Tree, sizes: dict[str, int], request: ArtifactRequest) -> Artifacts:
        budget = _Budget(self._reserved(sum(sizes.values())))
        kept: dict[str, dict[str, int | str]] = {}
        try:
            for path in sizes:
                scan = None if request.new_scan is None else request.new_scan()
                with tree.place(path, links=False) as place:
                    descriptor = place.open_file()
                    try:
                        before = budget.left
                        pieces = _pieces(descriptor, path, budget, scan, request)
                        digest = self._store.put(pieces)
                    finally:
                        os.close(descriptor)
                kept[path] = {"bytes": before - budget.left, "sha256": digest}
        except BaseException:
            self._release(budget.granted)
            raise
        self._release(budget.left)
        return kept

    def _reserved(self, size: int) -> int:
        """Return how much an attempt may keep, accounted for; its files have `size` bytes now."""
        step, execution = self._limits.step_mb * _MIB, self._limits.execution_mb * _MIB
        if size > step:
            raise _over(size, f"{self._limits.step_mb:,} MiB of one step (artifacts.step_mb)")
        with self._lock:
            if self._kept_bytes + size > execution:
                limit = f"{self._limits.execution_mb:,} MiB of an execution"
                raise _over(self._kept_bytes + size, f"{limit} (artifacts.execution_mb)")
            granted = min(step, execution - self._kept_bytes)
            self._kept_bytes += granted
        return granted

    def _release(self, size: int) -> None:
        with self._lock:
            self._kept_bytes -= size


class _Budget:
    """How many bytes an attempt may still keep: its files may grow while they are read."""

    def __init__(self, granted: int) -> None:
        self.granted = granted
        self.left = granted


def _over(size: int, limit: str) -> ArtifactRefusedError:
    return ArtifactRefusedError(
        f"artifacts: {size:,} bytes are more than the {limit}", "ArtifactLimit", is_limit=True
    )


def _pieces(
    descriptor: int, path: str, budget: _Budget, scan: SecretScan | None, request: ArtifactRequest
) -> Iterator[bytes]:
    for chunk in chunks_of(descriptor):
        if request.stop.is_set():
            raise ArtifactRefusedError("artifacts: stopped", "Cancelled")
        budget.left -= len(chunk)
        if budget.left < 0:
            raise ArtifactRefusedError(
                f"artifacts: {path} grew beyond what may be kept", "ArtifactLimit", is_limit=True
            )
        if scan is not None:
            scan.feed(chunk)
        yield chunk
    if scan is not None:
        scan.flush()
        if scan.redactions:
            names = ", ".join(f"`{name}`" for name in sorted(scan.redactions))
            raise ArtifactRefusedError(
                f"artifacts: {path} contains the secret {names}: nothing was kept",
                "SecretInArtifact",
            )


def _found(tree: Tree, request: ArtifactRequest) -> tuple[dict[str, int], tuple[str, ...]]:
    """Return the sizes of the files that match, by path in order, and patterns without a match."""
    sizes: dict[str, int] = {}
    unmatched: list[str] = []
    for pattern in request.patterns:
        matched = False
        for path, size in _matches(tree, pattern, request):
            matched = True
            sizes[path] = size
            if len(sizes) > MAX_FILES:
                raise ArtifactRefusedError(
                    f"artifacts: more than {MAX_FILES:,} files match; pack them into an archive",
                    "ArtifactLimit",
                    is_limit=True,
                )
            if len(path) > MAX_PATH_CHARACTERS or not _is_text(path):
                raise ArtifactRefusedError(
                    f"artifacts: {path[:100]!r} is too long for the record, or is not UTF-8",
                    "ArtifactRefused",
                )
        if not matched:
            unmatched.append(pattern)
    return dict(sorted(sizes.items())), tuple(unmatched)


def _matches(tree: Tree, pattern: str, request: ArtifactRequest) -> Iterator[tuple[str, int]]:
    """Yield path and size of each regular file that matches, or is in a folder that does.

    Symbolic links are not followed, and protected files are left out.
    """
    literal, glob = _split(pattern)
    try:
        with tree.place(literal, links=False) as place:
            found = place.status()
            if found is None:
                return
            if not stat.S_ISDIR(found.st_mode):
                if not glob and stat.S_ISREG(found.st_mode):
                    yield place.path, found.st_size
                return
            folder = place.open_folder()
            prefix = "" if place.path == "." else f"{place.path}/"
    except FileNotFoundError:
        return
    matcher = Glob(f"./{glob}/**" if glob else "./**")

    def poll() -> None:
        if request.stop.is_set():
            raise ArtifactRefusedError("artifacts: stopped", "Cancelled")

    try:
        for entry in walk(
            folder,
            recursive=True,
            poll=poll,
            leave_out=lambda entry: tree.is_protected(entry.status),
        ):
            if entry.is_file and matcher.matches(entry.path):
                yield prefix + entry.path, entry.status.st_size
    finally:
        os.close(folder)


def _split(pattern: str) -> tuple[str, str]:
    """Split a pattern before its first component with a wildcard."""
    parts = [part for part in pattern.split("/") if part not in {"", "."}]
    wild = next((n for n, part in enumerate(parts) if not _WILD.isdisjoint(part)), len(parts))
    return "/".join(parts[:wild]) or ".", "/".join(parts[wild:])


def _is_text(path: str) -> bool:
    return path.isprintable() and not any("\ud800" <= one <= "\udfff" for one in path)
