"""Steps that copy and move a file inside the working directory."""

import errno
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

from pydantic import BaseModel, Field

from core.step_type.failure import StepFailedError
from core.step_type.step_type import StepCall, StepParameters, clip
from core.steps.file.confined_tree import Tree
from core.steps.file.file_step import FileStep, PathText, copy_bytes, shown
from core.steps.file.place import TAKEN, Place, named_error, take_name

_OTHER_WAY = frozenset({errno.EXDEV, errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK})
"""A rename across file systems, or a link where there are none: the file is copied instead."""


class CopyParameters(StepParameters):
    """Parameters of copy_file and move_file."""

    source: PathText = Field(description="an existing file")
    destination: PathText = Field(description="the file to make; missing folders are made")
    overwrite: bool = Field(default=False, description="replace an existing destination")


class CopyOutput(BaseModel):
    """What copy_file and move_file leave."""

    source: str = Field(description="the source, relative to the working directory")
    destination: str = Field(description="the destination, relative to the working directory")
    size: int = Field(description="its size in bytes")


class CopyFile(FileStep):
    """Copies a file with its permissions; the copy appears whole or not at all."""

    name: ClassVar[str] = "copy_file"
    parameters: ClassVar[type[StepParameters]] = CopyParameters
    output: ClassVar[type[BaseModel]] = CopyOutput
    summary: ClassVar[str] = "Copy a file, with its permissions"

    def act(self, tree: Tree, call: StepCall) -> Mapping[str, Any]:
        """Copy the bytes of what the source path leads to."""
        parameters: CopyParameters = call.parameters
        with _two_places(tree, parameters, follow_source=True) as (source, target):
            size = _copy(source, target, call, overwrite=parameters.overwrite)
            return {"source": source.path, "destination": target.path, "size": size}

    def describe(self, parameters: Mapping[str, Any]) -> str:
        """Say what would be copied where."""
        source, target = shown(parameters.get("source")), shown(parameters.get("destination"))
        return clip(f"would copy {source} to {target}")


class MoveFile(FileStep):
    """Gives a file another name, across file systems by copying it."""

    name: ClassVar[str] = "move_file"
    parameters: ClassVar[type[StepParameters]] = CopyParameters
    output: ClassVar[type[BaseModel]] = CopyOutput
    summary: ClassVar[str] = "Move or rename a file"

    def act(self, tree: Tree, call: StepCall) -> Mapping[str, Any]:
        """Rename it in one step where the file system can."""
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
        """Say what would be moved where."""
        source, target = shown(parameters.get("source")), shown(parameters.get("destination"))
        return clip(f"would move {source} to {target}")


@contextmanager
def _two_places(
    tree: Tree, parameters: CopyParameters, *, follow_source: bool
) -> Iterator[tuple[Place, Place]]:
    """Yield source and destination: an existing file, and a name that may be taken."""
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
                raise FileExistsError(errno.EEXIST, TAKEN, target.path)
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
