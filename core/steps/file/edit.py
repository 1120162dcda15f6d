"""The step that changes an existing file."""

import os
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from pydantic import BaseModel, Field, model_validator

from core.step_type.failure import StepFailedError
from core.step_type.parameter_model import StepParameters
from core.step_type.parameter_types import Printable
from core.step_type.step_type import StepCall, clip
from core.steps.file.confined_tree import Tree
from core.steps.file.file_step import (
    SIZE_LIMIT_BYTES,
    FileStep,
    PathText,
    encoded,
    locked,
    read_bytes,
    shown,
    shown_size,
    write_all,
)


class EditParameters(StepParameters):
    """Parameters of edit_file: either `content`, or `find` with `replace`."""

    path: PathText = Field(description="an existing file")
    content: Printable | None = Field(default=None, description="the new content of the file")
    append: bool = Field(default=False, description="add content at the end instead of replacing")
    find: str | None = Field(default=None, min_length=1, description="a literal text to replace")
    replace: Printable = Field(default="", description="the replacement")
    count: int | None = Field(
        default=None, ge=1, description="the most occurrences to replace; default: all"
    )
    allow_missing: bool = Field(
        default=False, description="true: succeed even if the text is not found"
    )

    @model_validator(mode="after")
    def _is_one_edit(self) -> Self:
        if (self.content is None) == (self.find is None):
            raise ValueError("give either content, or find (with replace)")
        given = self.model_fields_set
        if self.find is None and given & {"replace", "count", "allow_missing"}:
            raise ValueError("replace, count and allow_missing need find")
        if self.find is not None and "append" in given:
            raise ValueError("append needs content")
        return self


class EditOutput(BaseModel):
    """Output of edit_file."""

    path: str = Field(description="the file, relative to the working directory")
    replacements: int = Field(description="the number of replacements; 1 for new content")
    size: int = Field(description="its new size in bytes")


class EditFile(FileStep):
    """Replaces the content of a file, or a text in it; other bytes stay unchanged."""

    name: ClassVar[str] = "edit_file"
    parameters: ClassVar[type[StepParameters]] = EditParameters
    output: ClassVar[type[BaseModel]] = EditOutput
    summary: ClassVar[str] = "Change an existing file: new content, or find and replace"
    reads: ClassVar[tuple[str, ...]] = ("path",)
    writes: ClassVar[tuple[str, ...]] = ("path",)

    def act(self, tree: Tree, call: StepCall) -> Mapping[str, Any]:
        """Read under a lock, so that concurrent edits are not lost, and replace atomically."""
        parameters: EditParameters = call.parameters
        with tree.place(parameters.path) as place, locked(place, os.O_RDWR, call) as descriptor:
            if os.fstat(descriptor).st_size > SIZE_LIMIT_BYTES:
                raise StepFailedError(
                    f"{place.path} is larger than {SIZE_LIMIT_BYTES} bytes", "too_large"
                )
            data, replacements = self._edited(read_bytes(descriptor, call), parameters, place.path)
            with place.written() as target:
                write_all(target, data)
            return {"path": place.path, "replacements": replacements, "size": len(data)}

    def _edited(self, data: bytes, parameters: EditParameters, path: str) -> tuple[bytes, int]:
        if parameters.content is not None:
            content = encoded(parameters.content, "utf-8")
            return (data + content if parameters.append else content), 1
        find = encoded(parameters.find or "", "utf-8")
        found = data.count(find)
        if not found and not parameters.allow_missing:
            raise StepFailedError(f"{path} does not contain {parameters.find!r}", "not_found")
        count = found if parameters.count is None else min(found, parameters.count)
        return data.replace(find, encoded(parameters.replace, "utf-8"), count), count

    def describe(self, parameters: Mapping[str, Any]) -> str:
        """Describe what would be changed."""
        path = shown(parameters.get("path"))
        if "find" in parameters:
            return clip(f"would replace {shown(parameters['find'])!r} in {path}")
        verb = "append" if parameters.get("append") else "write"
        return clip(f"would {verb} {shown_size(parameters.get('content', ''))} to {path}")
