"""Steps that create, append to, read and delete one file inside the working directory."""

import base64
import os
from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import BaseModel, Field

from core.domain.reasons import Reason
from core.step_type.failure import StepFailedError
from core.step_type.parameter_model import StepParameters
from core.step_type.parameter_types import Printable
from core.step_type.step_type import StepCall, clip
from core.steps.file.confined_tree import Tree
from core.steps.file.file_step import (
    SIZE_LIMIT_BYTES,
    Encoding,
    FileMode,
    FileStep,
    PathText,
    encoded,
    locked,
    read_bytes,
    shown,
    shown_size,
    write_all,
)

READ_LIMIT_BYTES = 4 * 1024 * 1024
"""The size limit of one step output, see `core.engine.context`."""


class WriteParameters(StepParameters):
    """Parameters of create_file."""

    path: PathText = Field(description="the file; missing folders are created")
    content: Printable = Field(default="", description="what to write; objects are written as JSON")
    mode: FileMode = Field(default=None, description='permissions in octal, such as "0644"')
    overwrite: bool = Field(
        default=True, description="replace an existing file; false: fail when the file exists"
    )
    encoding: Encoding = Field(
        default="utf-8", description="text encoding of the file; base64: content is bytes"
    )


class AppendParameters(StepParameters):
    """Parameters of append_file."""

    path: PathText = Field(description="the file; created when missing, as are its folders")
    content: Printable = Field(default="", description="what to add; objects are added as JSON")
    mode: FileMode = Field(default=None, description='permissions in octal, such as "0644"')
    overwrite: bool = Field(default=True, description="false: fail when the file exists")
    encoding: Encoding = Field(
        default="utf-8", description="text encoding of the file; base64: content is bytes"
    )


class WriteOutput(BaseModel):
    """Output of create_file and append_file."""

    path: str = Field(description="the file, relative to the working directory")
    size: int = Field(description="its size in bytes")
    created: bool = Field(description="whether it did not exist before")


class CreateFile(FileStep):
    """Writes a file atomically."""

    name: ClassVar[str] = "create_file"
    parameters: ClassVar[type[StepParameters]] = WriteParameters
    output: ClassVar[type[BaseModel]] = WriteOutput
    summary: ClassVar[str] = "Write a file atomically"
    writes: ClassVar[tuple[str, ...]] = ("path",)

    def act(self, tree: Tree, call: StepCall) -> Mapping[str, Any]:
        """Write the content to a temporary file and rename it."""
        parameters: WriteParameters = call.parameters
        data = encoded(parameters.content, parameters.encoding)
        with tree.place(parameters.path, make_parents=True) as place:
            created = place.file_status() is None
            with place.written(mode=parameters.mode, overwrite=parameters.overwrite) as descriptor:
                write_all(descriptor, data)
            return {"path": place.path, "size": len(data), "created": created}

    def describe(self, parameters: Mapping[str, Any]) -> str:
        """Describe how much would be written where."""
        size = shown_size(parameters.get("content", ""))
        return clip(f"would write {size} to {shown(parameters.get('path'))}")


class AppendFile(FileStep):
    """Appends to a file."""

    name: ClassVar[str] = "append_file"
    parameters: ClassVar[type[StepParameters]] = AppendParameters
    output: ClassVar[type[BaseModel]] = WriteOutput
    summary: ClassVar[str] = "Add text to the end of a file"
    writes: ClassVar[tuple[str, ...]] = ("path",)

    def act(self, tree: Tree, call: StepCall) -> Mapping[str, Any]:
        """Append under a lock; truncate the file again if the write fails half-way."""
        parameters: AppendParameters = call.parameters
        data = encoded(parameters.content, parameters.encoding)
        with tree.place(parameters.path, make_parents=True) as place:
            created = place.file_status() is None
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
            if not parameters.overwrite:
                flags |= os.O_EXCL
            with locked(place, flags, call) as descriptor:
                before = os.fstat(descriptor).st_size
                try:
                    write_all(descriptor, data)
                    if parameters.mode is not None:
                        os.fchmod(descriptor, parameters.mode)
                    os.fsync(descriptor)
                except OSError:
                    os.ftruncate(descriptor, before)
                    raise
            if created:
                place.sync()
            return {"path": place.path, "size": before + len(data), "created": created}

    def describe(self, parameters: Mapping[str, Any]) -> str:
        """Describe how much would be added where."""
        size = shown_size(parameters.get("content", ""))
        return clip(f"would append {size} to {shown(parameters.get('path'))}")


class DeleteParameters(StepParameters):
    """Parameters of delete_file."""

    path: PathText = Field(description="the file; a symbolic link is deleted itself")
    missing_ok: bool = Field(default=True, description="false: fail when the file does not exist")


class DeleteOutput(BaseModel):
    """Output of delete_file."""

    path: str = Field(description="the file, relative to the working directory")
    existed: bool = Field(description="whether the file existed")
    deleted: bool = Field(description="whether this step deleted it")


class DeleteFile(FileStep):
    """Deletes one file."""

    name: ClassVar[str] = "delete_file"
    parameters: ClassVar[type[StepParameters]] = DeleteParameters
    output: ClassVar[type[BaseModel]] = DeleteOutput
    summary: ClassVar[str] = "Delete a file"
    writes: ClassVar[tuple[str, ...]] = ("path",)

    def act(self, tree: Tree, call: StepCall) -> Mapping[str, Any]:
        """Unlink the file; fail if it is a folder."""
        parameters: DeleteParameters = call.parameters
        path = parameters.path
        try:
            with tree.place(path, follow=False) as place:
                path = place.path
                place.status()
                place.remove()
        except FileNotFoundError:
            if parameters.missing_ok:
                return {"path": path, "existed": False, "deleted": False}
            raise StepFailedError(f"{path} does not exist", "not_found") from None
        return {"path": path, "existed": True, "deleted": True}

    def describe(self, parameters: Mapping[str, Any]) -> str:
        """Describe what would be deleted."""
        return clip(f"would delete {shown(parameters.get('path'))}")


class ReadParameters(StepParameters):
    """Parameters of read_file."""

    path: PathText = Field(description="the file")
    encoding: Encoding = Field(
        default="utf-8", description="text encoding of the file; base64: return bytes as base64"
    )
    max_bytes: int = Field(
        default=READ_LIMIT_BYTES,
        ge=1,
        le=SIZE_LIMIT_BYTES,
        description="fail when the file is larger",
    )


class ReadOutput(BaseModel):
    """Output of read_file."""

    path: str = Field(description="the file, relative to the working directory")
    content: str = Field(description="its text, or its bytes as base64")
    size: int = Field(description="its size in bytes")


class ReadFile(FileStep):
    """Reads a whole file into the output."""

    name: ClassVar[str] = "read_file"
    parameters: ClassVar[type[StepParameters]] = ReadParameters
    output: ClassVar[type[BaseModel]] = ReadOutput
    summary: ClassVar[str] = "Read a file into the output"
    reads: ClassVar[tuple[str, ...]] = ("path",)

    def act(self, tree: Tree, call: StepCall) -> Mapping[str, Any]:
        """Read at most `max_bytes`, whatever size the file reports."""
        parameters: ReadParameters = call.parameters
        with tree.place(parameters.path) as place:
            path = place.path
            descriptor = place.open_file()
        try:
            data = read_bytes(descriptor, call, parameters.max_bytes)
        finally:
            os.close(descriptor)
        if len(data) > parameters.max_bytes:
            raise StepFailedError(
                f"{path} is larger than max_bytes ({parameters.max_bytes})",
                "too_large",
                reason=Reason.OUTPUT_LIMIT,
            )
        if parameters.encoding == "base64":
            content = base64.b64encode(data).decode("ascii")
        else:
            try:
                content = data.decode(parameters.encoding)
            except UnicodeError as error:
                raise StepFailedError(
                    f"{path} is not {parameters.encoding}: {error}", "encoding"
                ) from error
        return {"path": path, "content": content, "size": len(data)}

    def describe(self, parameters: Mapping[str, Any]) -> str:
        """Describe what would be read."""
        return clip(f"would read {shown(parameters.get('path'))}")
