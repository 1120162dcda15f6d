"""Steps that list folders and find files inside the working directory."""

import os
import stat
from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from functools import partial
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, Field

from core.domain.reasons import Reason
from core.domain.records import LogLevel
from core.step_type.failure import StepFailedError, check_cancelled
from core.step_type.parameter_model import StepParameters
from core.step_type.step_type import StepCall, clip
from core.steps.file.confined_tree import Tree
from core.steps.file.file_step import FileStep, PathText, shown
from core.steps.file.folder_walk import Entry, walk
from core.steps.file.place import Place
from core.value.glob import Glob
from core.value.non_utf8 import escape_non_utf8, is_utf8

Log = Callable[[LogLevel, str], None]
DEFAULT_ENTRIES = 10_000
MAX_ENTRIES = 100_000

_TYPES = {stat.S_IFREG: "file", stat.S_IFDIR: "folder", stat.S_IFLNK: "link"}


class _WalkParameters(StepParameters):
    """Common parameters of list_directory and file_search."""

    bad_name: Literal["fail", "skip"] = Field(
        default="fail",
        description="what to do about a name that is not UTF-8, which no later step could use",
    )


class ListParameters(_WalkParameters):
    """Parameters of list_directory."""

    path: PathText = Field(description="the folder")
    pattern: str = Field(
        default="*",
        min_length=1,
        max_length=1000,
        description="what to list: * ? [a-z] in a name; with a slash, a path below the folder, ** "
        "for any folders",
    )
    recursive: bool = Field(default=False, description="also list the folders below it")
    max_entries: int = Field(
        default=DEFAULT_ENTRIES, ge=1, le=MAX_ENTRIES, description="fail when there are more"
    )


class FolderEntry(BaseModel):
    """One entry of a folder."""

    name: str = Field(description="its name")
    path: str = Field(description="its path, relative to the working directory")
    type: str = Field(description="file, folder, link (not followed) or other")
    size: int = Field(description="size of a file in bytes; 0 for other types")


class ListOutput(BaseModel):
    """Output of list_directory."""

    path: str = Field(description="the folder, relative to the working directory")
    entries: list[FolderEntry] = Field(description="its entries, in byte order of the paths")
    count: int = Field(description="the number of entries")


class ListDirectory(FileStep):
    """Lists a folder. Links are shown as links and never followed."""

    name: ClassVar[str] = "list_directory"
    parameters: ClassVar[type[StepParameters]] = ListParameters
    output: ClassVar[type[BaseModel]] = ListOutput
    summary: ClassVar[str] = "List the entries of a folder"
    reads: ClassVar[tuple[str, ...]] = ("path",)

    def act(self, tree: Tree, call: StepCall) -> Mapping[str, Any]:
        """List names, paths, types and sizes."""
        return entries_listed(tree, call.parameters, partial(check_cancelled, call), call.log)

    def describe(self, parameters: Mapping[str, Any]) -> str:
        """Describe what would be listed."""
        return clip(f"would list {shown(parameters.get('path'))}")


class SearchParameters(_WalkParameters):
    """Parameters of file_search."""

    path: PathText = Field(description="the folder to search")
    pattern: str = Field(
        min_length=1,
        max_length=1000,
        description="which files: * ? [a-z] in a name; with a slash, a path below the folder, ** "
        "for any folders",
    )
    recursive: bool = Field(default=True, description="also search the folders below it")
    max_entries: int = Field(
        default=DEFAULT_ENTRIES, ge=1, le=MAX_ENTRIES, description="fail when more are found"
    )


class SearchOutput(BaseModel):
    """Output of file_search."""

    path: str = Field(description="the folder, relative to the working directory")
    matches: list[str] = Field(
        description="the files found, relative to the working directory, in byte order"
    )
    count: int = Field(description="the number of files found")


class FileSearch(FileStep):
    """Finds regular files by pattern. Links are neither followed nor found."""

    name: ClassVar[str] = "file_search"
    parameters: ClassVar[type[StepParameters]] = SearchParameters
    output: ClassVar[type[BaseModel]] = SearchOutput
    summary: ClassVar[str] = "Find files by name or path pattern"
    reads: ClassVar[tuple[str, ...]] = ("path",)

    def act(self, tree: Tree, call: StepCall) -> Mapping[str, Any]:
        """Collect the paths of matching files."""
        return files_found(tree, call.parameters, partial(check_cancelled, call), call.log)

    def describe(self, parameters: Mapping[str, Any]) -> str:
        """Describe what would be searched."""
        pattern, path = shown(parameters.get("pattern")), shown(parameters.get("path"))
        return clip(f"would search {path} for {pattern}")


def entries_listed(
    tree: Tree, parameters: ListParameters, poll: Callable[[], None], log: Log
) -> dict[str, Any]:
    """Return the output of a listing; `poll` is called periodically and may raise."""
    entries: list[dict[str, Any]] = []
    with (
        tree.place(parameters.path) as place,
        closing(_found(tree, place, parameters, poll, log)) as found,
    ):
        for entry in found:
            _check_count(entries, parameters.max_entries)
            entries.append(
                {
                    "name": entry.name,
                    "path": _below(place.path, entry.path),
                    "type": _TYPES.get(stat.S_IFMT(entry.status.st_mode), "other"),
                    "size": entry.status.st_size if entry.is_file else 0,
                }
            )
        entries.sort(key=lambda entry: os.fsencode(entry["path"]))
        return {"path": place.path, "entries": entries, "count": len(entries)}


def files_found(
    tree: Tree, parameters: SearchParameters, poll: Callable[[], None], log: Log
) -> dict[str, Any]:
    """Return the output of a search; `poll` is called periodically and may raise."""
    matches: list[str] = []
    with (
        tree.place(parameters.path) as place,
        closing(_found(tree, place, parameters, poll, log)) as found,
    ):
        for entry in found:
            if entry.is_file:
                _check_count(matches, parameters.max_entries)
                matches.append(_below(place.path, entry.path))
        matches.sort(key=os.fsencode)
        return {"path": place.path, "matches": matches, "count": len(matches)}


def _found(
    tree: Tree,
    place: Place,
    parameters: ListParameters | SearchParameters,
    poll: Callable[[], None],
    log: Log,
) -> Generator[Entry, None, None]:
    """Yield the matching entries of a folder, without protected ones."""
    glob = Glob(parameters.pattern)
    folder = place.open_folder()
    try:
        for entry in walk(
            folder,
            recursive=parameters.recursive,
            poll=poll,
            leave_out=lambda entry: tree.is_protected(entry.status),
        ):
            if glob.matches(entry.path) and _has_text_name(entry, parameters, log):
                yield entry
    finally:
        os.close(folder)


def _has_text_name(entry: Entry, parameters: ListParameters | SearchParameters, log: Log) -> bool:
    """Tell whether the name is UTF-8; otherwise fail, or log that the entry is skipped."""
    if is_utf8(entry.path):
        return True
    name = escape_non_utf8(entry.path)
    if parameters.bad_name == "fail":
        raise StepFailedError(
            f"the name {name} is not UTF-8, so no later step could use it; rename it, or leave it"
            " out with `bad_name: skip`",
            "name",
        )
    log(LogLevel.WARN, f"left out {name}: its name is not UTF-8")
    return False


def _check_count(found: list[Any], limit: int) -> None:
    if len(found) >= limit:
        raise StepFailedError(
            f"more than {limit} entries match; narrow the pattern or raise max_entries",
            "too_many",
            reason=Reason.OUTPUT_LIMIT,
        )


def _below(folder: str, path: str) -> str:
    return path if folder == "." else f"{folder}/{path}"
