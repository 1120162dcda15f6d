"""Steps that copy and move a file inside the working directory."""

import errno
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

from pydantic import BaseModel, Field

from core.step_type.failure import StepFailedError
from core.step_type.parameter_model import StepParameters
from core.step_type.step_type import StepCall, clip
from core.steps.file.confined_tree import Tree
from core.steps.file.file_step import FileStep, PathText, copy_bytes, shown
from core.steps.file.place import ALREADY_EXISTS, Place, named_error, take_name

_OTHER_WAY = frozenset({errno.EXDEV, errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK})
"""Rename failed across file systems, or hard links are not supported: copy the file instead."""


class CopyParameters(StepParameters):
    """Parameters of copy_file and move_file."""

    source: PathText = Field(description="an existing file")
    destination: PathText = Field(description="the file to create; missing folders are created")
    overwrite: bool = Field(default=False, description="replace an existing destination")


class CopyOutput(BaseModel):
    """Output of copy_file and move_file."""

    source: str = Field(description="the source, relative to the working directory")
    destination: str = Field(description="the destination, relative to the working directory")
    size: int = Field(description="its size in bytes")


class CopyFile(FileStep):
    """Copies a file with its permissions, atomically."""

    name: ClassVar[str] = "copy_file"
    parameters: ClassVar[type[StepParameters]] = CopyParameters
    output: ClassVar[type[BaseModel]] = CopyOutput
    summary: ClassVar[str] = "Copy a file, with its permissions"
    reads: ClassVar[tuple[str, ...]] = ("source",)
    writes: ClassVar[tuple[str, ...]] = ("destination",)

    def act(self, tree: Tree, call: StepCall) -> Mapping[str, Any]:
        """Copy the content of the source; links in its path are resolved."""
        parameters: CopyParameters = call.parameters
        with _two_places(tree, parameters, follow_source=True) as (source, target):
            size = _copy(source, target, call, overwrite=parameters.overwrite)
            return {"source": source.path, "destination": target.path, "size": size}

    def describe(self, parameters: Mapping[str, Any]) -> str:
        """Describe what would be copied where."""
        source, target = shown(parameters.get("source")), shown(parameters.get("destination"))
        return clip(f"would copy {source} to {target}")


class MoveFile(FileStep):
    """Renames a file; across file systems it is copied and removed."""

    name: ClassVar[str] = "move_file"
    parameters: ClassVar[type[StepParameters]] = CopyParameters
    output: ClassVar[type[BaseModel]] = CopyOutput
    summary: ClassVar[str] = "Move or rename a file"
    writes: ClassVar[tuple[str, ...]] = ("source", "destination")

    def act(self, tree: Tree, call: StepCall) -> Mapping[str, Any]:
        """Rename the file atomically if the file system supports it."""
        parameters: CopyParameters = call.parameters
        with _two_places(tree, parameters, follow_source=False) as (source, target):
            found = source.file_status()
            size = found.st_size if found else 0
            try:
                _rename(source, target, overwrite=parameters.overwrite)
            except OSError as error:
                if error.errno not in _OTHER_WAY:
                    raise named_error(error, error.filename2 or target.path) from error
                size = _copy(source, target, call, overwrite=parameters.overwrite)
                source.remove()
            else:
                target.sync()
                source.sync()
            return {"source": source.path, "destination": target.path, "size": size}

    def describe(self, parameters: Mapping[str, Any]) -> str:
        """Describe what would be moved where."""
        source, target = shown(parameters.get("source")), shown(parameters.get("destination"))
        return clip(f"would move {source} to {target}")


@contextmanager
def _two_places(
    tree: Tree, parameters: CopyParameters, *, follow_source: bool
) -> Iterator[tuple[Place, Place]]:
    """Yield an existing source file, and a destination name that may be used."""
    with tree.place(parameters.source, follow=follow_source) as source:
        before = source.file_status()
        if before is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), source.path)
        with tree.place(parameters.destination, make_parents=True) as target:
            taken = target.file_status()
            if taken and (taken.st_dev, taken.st_ino) == (before.st_dev, before.st_ino):
                raise StepFailedError(
                    f"{source.path} and {target.path} are the same file", "same_file"
                )
            if taken and not parameters.overwrite:
                raise FileExistsError(errno.EEXIST, ALREADY_EXISTS, target.path)
            yield source, target


def _copy(source: Place, target: Place, call: StepCall, *, overwrite: bool) -> int:
    descriptor = source.open_file()
    try:
        mode = stat.S_IMODE(os.fstat(descriptor).st_mode) & 0o777
        with target.written(mode=mode, overwrite=overwrite) as copy:
            return copy_bytes(descriptor, copy, call)
    finally:
        os.close(descriptor)


def _rename(source: Place, target: Place, *, overwrite: bool) -> None:
    if overwrite:
        os.rename(
            source.name, target.name, src_dir_fd=source.directory, dst_dir_fd=target.directory
        )
    else:
        take_name(source.directory, source.name, target)
