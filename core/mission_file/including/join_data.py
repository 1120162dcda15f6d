"""Joins the data of a mission file with that of the files it includes, at any depth.

Problems of what was included are reported in the file in which it stands.
"""

import posixpath
from collections.abc import Callable
from typing import Any

from msgspec import Struct

from core.mission_file.finding.code import Code
from core.mission_file.finding.limit import MAX_BYTES
from core.mission_file.finding.problem import Path, Problems
from core.mission_file.finding.source_text import TextError, decode
from core.mission_file.finding.value_check import describe, suggest
from core.mission_file.including.file_reader import IncludeError, ReadFile
from core.mission_file.including.included_keys import (
    HANDLERS,
    INCLUDE,
    INCLUDED_KEYS,
    LISTS,
    MAPPINGS,
    check_include,
)
from core.mission_file.including.joined_source import SourceFile

MAX_FILES = 100
"""Files that one mission may include, at any depth."""

Parse = Callable[[str, str, Problems], Any]
"""Returns the data in the text of a file of that name, and reports what is wrong with the text."""


class IncludedFile(Struct):
    """A file that was included: its text, and the problems of its syntax."""

    source: SourceFile
    text: str
    problems: Problems


class Includes:
    """Reads and joins what one mission includes."""

    def __init__(self, read: ReadFile, parse: Parse, problems: Problems, name: str) -> None:
        self._read = read
        self._parse = parse
        self._problems = problems
        self._open = [name]
        self._seen: set[str] = set()
        self._bytes = 0
        self.files: list[IncludedFile] = []
        """In the order in which they were found; problems name them by -1, -2, ..."""

    def join(self, data: dict[str, Any]) -> dict[str, Any]:
        """Return the data of the mission file joined with what it includes."""
        joined = {key: _copy(value) for key, value in data.items()}
        self._take_all(data, (), joined)
        return joined

    def _take_all(self, data: dict[str, Any], place: Path, joined: dict[str, Any]) -> None:
        """Join what the file at `place` (empty: the mission) includes, the last file first.

        What is there already is kept, so a later file goes over an earlier one.
        """
        names = check_include(data[INCLUDE], (), Problems())  # reported by the check of the key
        if names.__class__ is not tuple:
            return
        single = data[INCLUDE].__class__ is str
        folder = posixpath.dirname(self._open[-1])
        for index in reversed(range(len(names))):
            spot = (*place, INCLUDE) if single else (*place, INCLUDE, index)
            self._take(posixpath.normpath(posixpath.join(folder, names[index])), spot, joined)

    def _take(self, name: str, spot: Path, joined: dict[str, Any]) -> None:
        if name in self._open:
            self._error(spot, f"`{name}` includes itself: {' → '.join([*self._open, name])}")
            return
        if name in self._seen:
            return
        self._seen.add(name)
        if len(self.files) >= MAX_FILES:
            self._error(spot, f"a mission includes at most {MAX_FILES} files", code=Code.TOO_LARGE)
            return
        data = self._load(name, spot)
        if data is None:
            return
        place: Path = (-len(self.files),)
        for key in data:
            if key not in INCLUDED_KEYS:
                self._error(
                    (*place, key),
                    f"`{key}` cannot stand in an included file",
                    on_key=True,
                    code=Code.UNKNOWN_KEY,
                    hint=suggest(key, INCLUDED_KEYS) or f"it has: {', '.join(INCLUDED_KEYS)}",
                )
        self._join(data, place, joined)
        if data.get(INCLUDE) is not None:
            check_include(data[INCLUDE], (*place, INCLUDE), self._problems)
            self._open.append(name)
            self._take_all(data, place, joined)
            self._open.pop()

    def _load(self, name: str, spot: Path) -> dict[str, Any] | None:
        try:
            content = self._read(name)
        except IncludeError as error:
            self._error(spot, str(error), hint=error.hint, code=Code.UNREADABLE)
            return None
        self._bytes += len(content)
        if self._bytes > MAX_BYTES:
            message = f"the included files are larger than {MAX_BYTES // 2**20} MiB together"
            self._error(spot, message, code=Code.TOO_LARGE)
            return None
        try:
            text = decode(content)
        except TextError as error:
            self._error(spot, f"`{name}`: {error.message}", code=error.code, hint=error.hint)
            return None
        file = IncludedFile(SourceFile(name, content), text, Problems())
        self.files.append(file)
        data = self._parse(text, name, file.problems)
        if data is None and not file.problems.has_errors:
            self._error(spot, f"`{name}` is empty", code=Code.EMPTY_FILE)
        elif data is not None and data.__class__ is not dict:
            what = f"an included file is a mapping of keys of a mission, not {describe(data)}"
            self._error((-len(self.files),), what, code=Code.NOT_A_MAPPING)
        return data if data.__class__ is dict else None

    def _join(self, data: dict[str, Any], place: Path, joined: dict[str, Any]) -> None:
        for key, value in data.items():
            if key in LISTS:
                self._join_list(joined, key, value, (key,), (*place, key))
            elif key in MAPPINGS:
                self._join_mapping(joined, key, value, place)
            elif key == HANDLERS and value.__class__ is dict:
                if joined.get(key) is None:
                    joined[key] = {}
                if joined[key].__class__ is dict:
                    for name, steps in value.items():
                        self._join_list(joined[key], name, steps, (key, name), (*place, key, name))
            elif key == HANDLERS:
                self._put(joined, key, value, (key,), (*place, key))

    def _join_list(
        self, holder: dict[str, Any], key: str, value: Any, path: Path, place: Path
    ) -> None:
        own = holder.get(key)
        if value.__class__ is str and key == "env_files":
            value = [value]
        if own.__class__ is str and key == "env_files":
            own = holder[key] = [own]
        if own is None or own.__class__ is not list or value.__class__ is not list:
            if own is None:
                self._put(holder, key, value, path, place)
            return
        for index, item in enumerate(value):
            self._problems.written_at((*path, len(own)), (*place, index))
            own.append(item)

    def _join_mapping(self, joined: dict[str, Any], key: str, value: Any, place: Path) -> None:
        own = joined.get(key)
        if own is None:
            self._put(joined, key, value, (key,), (*place, key))
        elif own.__class__ is dict and value.__class__ is dict:
            for name, item in value.items():
                if name not in own:
                    own[name] = item
                    self._problems.written_at((key, name), (*place, key, name))

    def _put(self, holder: dict[str, Any], key: str, value: Any, path: Path, place: Path) -> None:
        """Take over a value as a whole; what is joined with it later has places of its own."""
        holder[key] = _copy(value)
        parts = value if value.__class__ is dict else range(len(value)) if _is_list(value) else ()
        for part in parts:
            self._problems.written_at((*path, part), (*place, part))
        if not parts:
            self._problems.written_at(path, place)

    def _error(
        self,
        path: Path,
        message: str,
        *,
        code: Code = Code.BAD_VALUE,
        on_key: bool = False,
        hint: str | None = None,
    ) -> None:
        self._problems.error(code, message, path, on_key=on_key, hint=hint)


def _is_list(value: Any) -> bool:
    return value.__class__ is list


def _copy(value: Any) -> Any:
    """Return a list or mapping that can be added to: aliases may share it in the file."""
    if value.__class__ is dict:
        return {key: list(item) if item.__class__ is list else item for key, item in value.items()}
    return list(value) if value.__class__ is list else value
