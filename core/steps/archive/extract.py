"""The step that unpacks an archive, confined to the destination and bounded in size."""

import errno
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO, ClassVar

from pydantic import BaseModel, Field

from core.domain.reasons import Reason
from core.step_type.failure import StepFailedError, check_cancelled
from core.step_type.parameter_model import StepParameters
from core.step_type.step_type import StepCall, clip
from core.steps.archive.archive_reader import READ_BYTES, ArchiveError, Kind, Member, members
from core.steps.archive.staging import staging
from core.steps.file.confined_tree import Tree
from core.steps.file.file_step import FileStep, PathText, shown, write_all
from core.steps.file.place import PathRefusedError, Place

DEFAULT_BYTES = 1024**3
DEFAULT_FILES = 100_000
_MAX_MTIME_SECONDS = 1 << 33


class ExtractParameters(StepParameters):
    """Parameters of extract."""

    source: PathText = Field(
        description="the archive: tar (plain, gzip, bzip2, xz) or zip, detected from its content"
    )
    destination: PathText = Field(description="the folder to unpack into; created when missing")
    overwrite: bool = Field(default=True, description="replace existing files")
    max_bytes: int = Field(
        default=DEFAULT_BYTES,
        ge=0,
        le=1024**4,
        description="fail when the unpacked files would be larger in total",
    )
    max_files: int = Field(
        default=DEFAULT_FILES, ge=0, le=10_000_000, description="fail when there are more members"
    )


class ExtractOutput(BaseModel):
    """Output of extract."""

    source: str = Field(description="the archive, relative to the working directory")
    destination: str = Field(description="the folder, relative to the working directory")
    count: int = Field(description="the number of files, folders and links unpacked")
    size: int = Field(description="the total size of the files, in bytes")


class Extract(FileStep):
    """Unpacks an archive.

    A member halts the mission as a security violation if its path is absolute, contains `..` or
    passes through a link, if it is a device, or if it is a link that would lead out of the
    destination. All members are unpacked into a staging folder first: after a refusal, a timeout or
    a full disk the destination is unchanged. Owners and set-user-id bits are dropped; hard links
    become copies.
    """

    name: ClassVar[str] = "extract"
    parameters: ClassVar[type[StepParameters]] = ExtractParameters
    output: ClassVar[type[BaseModel]] = ExtractOutput
    summary: ClassVar[str] = "Unpack a tar or zip archive"
    reads: ClassVar[tuple[str, ...]] = ("source",)
    writes: ClassVar[tuple[str, ...]] = ("destination",)

    def act(self, tree: Tree, call: StepCall) -> Mapping[str, Any]:
        """Unpack into a staging folder, then move everything to the destination."""
        parameters: ExtractParameters = call.parameters
        with (
            _archive(tree, parameters.source) as (file, source),
            staging(tree, parameters.destination) as aside,
        ):
            unpacker = _Unpacker(aside.tree, call)
            try:
                for member in members(file):
                    unpacker.take(member)
            except ArchiveError as error:
                raise StepFailedError(f"{source}: {error}", "archive") from error
            destination = aside.publish(
                overwrite=parameters.overwrite, keep_modes=unpacker.without_mode
            )
            return {
                "source": source,
                "destination": destination,
                "count": unpacker.count,
                "size": unpacker.size,
            }

    def describe(self, parameters: Mapping[str, Any]) -> str:
        """Describe what would be unpacked where."""
        source, target = shown(parameters.get("source")), shown(parameters.get("destination"))
        return clip(f"would unpack {source} into {target}")


@contextmanager
def _archive(tree: Tree, path: str) -> Iterator[tuple[BinaryIO, str]]:
    with tree.place(path) as place, os.fdopen(place.open_file(), "rb") as file:
        yield file, place.path


class _Unpacker:
    """Unpacks members into a folder and enforces the limits."""

    def __init__(self, tree: Tree, call: StepCall) -> None:
        self._tree, self._call = tree, call
        self._parameters: ExtractParameters = call.parameters
        self._files: set[str] = set()
        self.without_mode: set[str] = set()
        self.count = 0
        self.size = 0

    def take(self, member: Member) -> None:
        """Unpack one member; raise if it is refused."""
        check_cancelled(self._call)
        name = _checked_name(member)
        self.count += 1
        if self.count > self._parameters.max_files:
            raise self._too_large(f"more than max_files ({self._parameters.max_files}) members")
        self._count(0, ahead=member.size)
        if not name:
            if member.kind is not Kind.FOLDER:
                raise ArchiveError(f"a {member.kind.value} without a name")
            return
        with self._tree.place(name, make_parents=True, follow=False, links=False) as place:
            if member.kind is Kind.FOLDER:
                _make_folder(place)
            elif member.kind is Kind.LINK:
                self._make_link(place, member)
            else:
                self._make_room(place, links_only=True)
                source = self._linked(member) if member.kind is Kind.HARD_LINK else member.chunks()
                self._write(place, member, source)
                self._files.add(name)
                if member.mode is None:
                    self.without_mode.add(name)

    def _write(self, place: Place, member: Member, chunks: Iterator[bytes]) -> None:
        mode = None if member.mode is None else _safe_mode(member.mode)
        # No fsync per file: it would make unpacking a large archive ten times slower.
        with place.written(
            mode=mode, overwrite=self._parameters.overwrite, durable=False
        ) as descriptor:
            for chunk in chunks:
                check_cancelled(self._call)
                self._count(len(chunk))
                write_all(descriptor, chunk)
            if member.mtime is not None and 0 <= member.mtime < _MAX_MTIME_SECONDS:
                os.utime(descriptor, (member.mtime, member.mtime))

    def _linked(self, member: Member) -> Iterator[bytes]:
        """Yield the content of the earlier file of this archive to which a hard link refers."""
        name = "/".join(part for part in member.target.split("/") if part not in {"", "."})
        if name not in self._files:
            raise PathRefusedError(
                f"{member.name!r} is a hard link to {member.target!r}, which is not an earlier "
                "file of the archive"
            )
        with self._tree.place(name, follow=False, links=False) as place:
            descriptor = place.open_file()
        try:
            while chunk := os.read(descriptor, READ_BYTES):
                yield chunk
        finally:
            os.close(descriptor)

    def _make_link(self, place: Place, member: Member) -> None:
        if not _stays_inside(member.target, place.depth):
            raise PathRefusedError(
                f"the archive contains {member.name!r}, a link to {member.target!r}, which may "
                "leave the destination"
            )
        self._make_room(place)
        os.symlink(member.target, place.name, dir_fd=place.directory)

    def _make_room(self, place: Place, *, links_only: bool = False) -> None:
        """Remove what has the name, if it may be replaced; a file replaces a file by renaming."""
        found = place.status()
        if found is None:
            return
        if stat.S_ISDIR(found.st_mode) or not self._parameters.overwrite:
            raise FileExistsError(errno.EEXIST, "exists already", place.path)
        if stat.S_ISLNK(found.st_mode) or not links_only:
            os.unlink(place.name, dir_fd=place.directory)

    def _count(self, size: int, ahead: int = 0) -> None:
        self.size += size
        if self.size + ahead > self._parameters.max_bytes:
            raise self._too_large(f"more than max_bytes ({self._parameters.max_bytes})")

    def _too_large(self, what: str) -> StepFailedError:
        return StepFailedError(
            f"{self._parameters.source} would unpack to {what}",
            "too_large",
            reason=Reason.OUTPUT_LIMIT,
        )


def _checked_name(member: Member) -> str:
    """Return the member's path below the destination, empty for the destination itself."""
    if member.kind is Kind.SPECIAL:
        raise PathRefusedError(f"the archive contains {member.name!r}, a device, FIFO or socket")
    parts = member.name.split("/")
    if member.name.startswith("/") or ".." in parts or "\0" in member.name:
        raise PathRefusedError(
            f"the archive contains {member.name!r}, which leaves the destination"
        )
    return "/".join(part for part in parts if part not in {"", "."})


def _make_folder(place: Place) -> None:
    found = place.status()
    if found is None:
        os.mkdir(place.name, dir_fd=place.directory)
    elif not stat.S_ISDIR(found.st_mode):
        raise StepFailedError(f"{place.path} exists and is not a folder", "exists")


def _stays_inside(target: str, depth: int) -> bool:
    """Tell whether a link `depth` folders below the destination cannot lead out of it.

    `..` is allowed at the beginning only, at most `depth` times. The folders above the link are
    real folders (members never pass through links), so each leading `..` goes up exactly one level;
    the rest goes down, possibly through other links, for which the same holds.
    """
    if not target or target.startswith("/") or "\0" in target:
        return False
    parts = [part for part in target.split("/") if part not in {"", "."}]
    climbs = 0
    while climbs < len(parts) and parts[climbs] == "..":
        climbs += 1
    return climbs <= depth and ".." not in parts[climbs:]


def _safe_mode(mode: int) -> int:
    """Return `mode` usable by the owner and writable by nobody else, as tarfile's data filter."""
    mode = mode & 0o755 | 0o600
    return mode if mode & 0o100 else mode & ~0o111
