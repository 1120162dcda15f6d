"""Steps that compute the digest of a file and pack files into an archive."""

import hashlib
import hmac
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, Field

from core.domain.records import LogLevel
from core.step_type.failure import StepFailedError, check_cancelled
from core.step_type.parameter_model import StepParameters
from core.step_type.step_type import StepCall, clip
from core.steps.archive.archive_writer import MEDIA, ArchiveWriter, open_archive
from core.steps.file.confined_tree import Tree
from core.steps.file.file_step import CHUNK_BYTES, FileStep, PathText, shown
from core.steps.file.folder_walk import Entry, walk
from core.steps.file.place import Place
from core.value.non_utf8 import escape_non_utf8


class ChecksumParameters(StepParameters):
    """Parameters of checksum."""

    path: PathText = Field(description="the file")
    algorithm: Literal["sha256", "sha512", "blake2b", "sha1", "md5"] = Field(
        default="sha256", description="the digest; use md5 and sha1 only for existing lists"
    )
    expected: str | None = Field(
        default=None, description="the expected digest in hexadecimal; fail if it differs"
    )


class ChecksumOutput(BaseModel):
    """Output of checksum."""

    path: str = Field(description="the file, relative to the working directory")
    algorithm: str = Field(description="the digest that was used")
    checksum: str = Field(description="the digest, in lower-case hexadecimal")
    size: int = Field(description="the file's size in bytes")


class Checksum(FileStep):
    """Computes the digest of a file and, if an expected one is given, compares them."""

    name: ClassVar[str] = "checksum"
    parameters: ClassVar[type[StepParameters]] = ChecksumParameters
    output: ClassVar[type[BaseModel]] = ChecksumOutput
    summary: ClassVar[str] = "Compute or check the digest of a file"
    reads: ClassVar[tuple[str, ...]] = ("path",)

    def act(self, tree: Tree, call: StepCall) -> Mapping[str, Any]:
        """Read the file once."""
        parameters: ChecksumParameters = call.parameters
        digest = hashlib.new(parameters.algorithm, usedforsecurity=False)
        size = 0
        with tree.place(parameters.path) as place, _opened(place) as descriptor:
            while chunk := os.read(descriptor, CHUNK_BYTES):
                check_cancelled(call)
                digest.update(chunk)
                size += len(chunk)
            path = place.path
        found = digest.hexdigest()
        output = {
            "path": path,
            "algorithm": parameters.algorithm,
            "checksum": found,
            "size": size,
        }
        expected = parameters.expected
        if expected is not None and not hmac.compare_digest(
            expected.strip().lower().encode(), found.encode()
        ):
            raise StepFailedError(
                f"{path}: {parameters.algorithm} is {found}, expected {expected.strip()}",
                "mismatch",
                output=output,
            )
        return output

    def describe(self, parameters: Mapping[str, Any]) -> str:
        """Describe which digest would be computed."""
        algorithm = shown(parameters.get("algorithm", "sha256"))
        return clip(f"would compute the {algorithm} of {shown(parameters.get('path'))}")


class CompressParameters(StepParameters):
    """Parameters of compress."""

    source: PathText = Field(description="a file, or a folder with everything in it")
    destination: PathText = Field(description="the archive to create; missing folders are created")
    format: Literal["tar.gz", "tar", "tar.bz2", "tar.xz", "zip"] = Field(
        default="tar.gz", description="the format of the archive"
    )
    overwrite: bool = Field(default=True, description="replace an existing archive")
    mtime: int | None = Field(
        default=None,
        ge=0,
        lt=1 << 33,
        description="modification time of every entry (seconds since 1970), so that equal content "
        "gives an identical archive; default: the times of the files",
    )


class CompressOutput(BaseModel):
    """Output of compress."""

    source: str = Field(description="the packed file or folder, relative to the working directory")
    destination: str = Field(description="the archive, relative to the working directory")
    format: str = Field(description="its format")
    size: int = Field(description="its size in bytes")
    count: int = Field(description="the number of files, folders and links in it")
    content_size: int = Field(description="the total size of the files in it, in bytes")


class Compress(FileStep):
    """Packs a file or folder: entries in byte order, without owners, links as links.

    Entry names begin with the name of the source (`dist/app.py` for the source `build/dist`); those
    of the working directory itself have no prefix. Devices, FIFOs, sockets and protected files are
    left out with a warning.
    """

    name: ClassVar[str] = "compress"
    parameters: ClassVar[type[StepParameters]] = CompressParameters
    output: ClassVar[type[BaseModel]] = CompressOutput
    summary: ClassVar[str] = "Pack a file or folder into an archive"
    reads: ClassVar[tuple[str, ...]] = ("source",)
    writes: ClassVar[tuple[str, ...]] = ("destination",)

    def act(self, tree: Tree, call: StepCall) -> Mapping[str, Any]:
        """Write the archive to a temporary file and rename it to its destination."""
        parameters: CompressParameters = call.parameters
        with (
            tree.place(parameters.source) as source,
            tree.place(parameters.destination, make_parents=True) as target,
        ):
            found = source.status()
            if found is None:
                raise StepFailedError(f"{source.path} does not exist", "not_found")
            replaced = target.file_status()
            with target.written(overwrite=parameters.overwrite) as descriptor:
                with open_archive(descriptor, parameters.format, parameters.mtime) as archive:
                    packer = _Packer(tree, archive, call, replaced)
                    if stat.S_ISDIR(found.st_mode):
                        packer.add_folder(source)
                    else:
                        packer.add_file(source)
                size = os.fstat(descriptor).st_size
            return {
                "source": source.path,
                "destination": target.path,
                "format": parameters.format,
                "size": size,
                "count": packer.count,
                "content_size": packer.content_size,
            }

    def describe(self, parameters: Mapping[str, Any]) -> str:
        """Describe what would be packed into which archive."""
        source, target = shown(parameters.get("source")), shown(parameters.get("destination"))
        form = shown(parameters.get("format", "tar.gz"))
        return clip(f"would pack {source} into {target} ({MEDIA.get(form, form)})")


class _Packer:
    """Adds files and folders to an archive and counts them."""

    def __init__(
        self,
        tree: Tree,
        archive: ArchiveWriter,
        call: StepCall,
        replaced: os.stat_result | None,
    ) -> None:
        self._tree, self._archive, self._call = tree, archive, call
        self._replaced = replaced
        self.count = 0
        self.content_size = 0

    def add_file(self, place: Place) -> None:
        with _opened(place) as descriptor:
            self._add_content(place.name, descriptor)

    def add_folder(self, place: Place) -> None:
        prefix = "" if place.path == "." else f"{place.path.rpartition('/')[2]}/"
        folder = place.open_folder()
        try:
            if prefix:
                self._archive.add_folder(prefix.rstrip("/"), os.fstat(folder))
                self.count += 1
            for entry in walk(folder, recursive=True, poll=self._poll, leave_out=self._is_left_out):
                self._add(prefix + entry.path, entry)
        finally:
            os.close(folder)

    def _poll(self) -> None:
        check_cancelled(self._call)

    def _is_left_out(self, entry: Entry) -> bool:
        status, replaced = entry.status, self._replaced
        if replaced and (status.st_dev, status.st_ino) == (replaced.st_dev, replaced.st_ino):
            return True
        if self._tree.is_protected(status):
            self._call.log(
                LogLevel.WARN, f"left out {escape_non_utf8(entry.path)}: it is protected"
            )
            return True
        if entry.is_file or entry.is_folder or entry.is_link:
            return False
        shown = escape_non_utf8(entry.path)
        self._call.log(LogLevel.WARN, f"left out {shown}: it is not a file, folder or link")
        return True

    def _add(self, name: str, entry: Entry) -> None:
        if entry.is_folder:
            self._archive.add_folder(name, entry.status)
            self.count += 1
        elif entry.is_link:
            target = os.readlink(entry.name, dir_fd=entry.directory)
            self._archive.add_link(name, entry.status, target)
            self.count += 1
        else:
            place = Place(self._tree, entry.directory, entry.name, entry.path, 0)
            with _opened(place) as descriptor:
                self._add_content(name, descriptor)

    def _add_content(self, name: str, descriptor: int) -> None:
        status = os.fstat(descriptor)
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            self._archive.add_file(name, status, file, self._poll)
        self.count += 1
        self.content_size += status.st_size


@contextmanager
def _opened(place: Place) -> Iterator[int]:
    descriptor = place.open_file()
    try:
        yield descriptor
    finally:
        os.close(descriptor)
