"""Reads YAML text into plain JSON data from libyaml's events, checking limits at each event.

The composer of PyYAML's C loader is recursive and crashes the process on 100,000 nested brackets;
its event parser keeps its own stack and survives them. Some versions have limits of their own and
scan ahead of their events: a text they refuse is read again up to that place, so that our limits
are reported first whatever the version. Anchors and aliases are read, within limits; tags,
duplicate keys and a second document are not.
"""

import sys
from collections.abc import Callable
from typing import Any

from yaml import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    YAMLError,
)

from core.mission_file.finding.code import Code
from core.mission_file.finding.limit import (
    MAX_ALIAS_NODES,
    MAX_DEPTH_LEVELS,
    MAX_NODES,
    MAX_SCALAR_CHARACTERS,
)
from core.mission_file.finding.problem import Problems
from core.mission_file.finding.source_text import Span
from core.mission_file.finding.value_check import shorten
from core.mission_file.meaning.number_text import Written
from core.mission_file.reading.scalar import STARTS, NumberRangeError, resolve
from core.mission_file.reading.yaml_event import event_source

_PENDING = object()
_NUMBERS = frozenset((int, float))
_SEPARATORS = ("\x85", "\u2028", "\u2029")
"""End a line, and so a comment, for libyaml; not for YAML 1.2, nor for editors."""
_DUPLICATE = "\0duplicate"
"""The key under which the second value of a duplicate key is kept until it is dropped."""

_REREADINGS = 3
"""How often a text is cut where the library fails, to find a limit before that place."""


class _Stop(Exception):  # noqa: N818 - ends the reading after a limit; never leaves this module
    pass


def read_yaml(text: str, problems: Problems, numbers: list[Written] | None = None) -> Any:
    """Return the one document of `text` as dicts, lists, texts, numbers, bools and None.

    Whatever is wrong goes into `problems`; after an error that ends the reading, None is returned,
    after others the data as far as they allow. Keys are texts as they are written. `numbers`
    receives the numbers whose text is not what was written.
    """
    for separator in _SEPARATORS:
        if separator in text:
            index = text.index(separator)
            problems.error(
                Code.CONTROL_CHARACTER,
                f"the line separator U+{ord(separator):04X} is not allowed",
                span=Span(index, index + 1),
                hint=f'remove it, or write "\\u{ord(separator):04X}" in double quotes',
            )
            return None
    try:
        return _Reader(text, problems, [] if numbers is None else numbers).read()
    except _Stop:
        return None
    except YAMLError as error:
        from core.mission_file.reading.yaml_error import (
            report_syntax,  # its patterns take time to compile
        )

        if not _has_limit_before(error, text, problems):
            report_syntax(error, text, problems)
        return None


def _has_limit_before(error: YAMLError, text: str, problems: Problems) -> bool:
    """Report a limit of ours that `text` exceeds before the place where the library fails.

    The library scans up to 1,024 characters ahead of its events. Where it fails there,
    the events of the text before that place have not been seen yet.
    """
    end = _place(error)
    for _ in range(_REREADINGS):
        again = Problems()
        try:
            _Reader(text[:end], again, []).read()
        except _Stop:
            problems.add_last_error_of(again)
            return True
        except YAMLError as earlier:  # mostly the missing rest of the text
            if (place := _place(earlier)) >= end:
                return False
            end = place
        else:
            return False
    return False


def _place(error: YAMLError) -> int:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    return 0 if mark is None else int(mark.index)


class _Reader:
    def __init__(self, text: str, problems: Problems, numbers: list[Written]) -> None:
        self._get: Callable[[], Any] = event_source(text)
        self._problems = problems
        self._numbers = numbers
        self._nodes = 0
        self._alias_nodes = 0
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._duplicates: list[dict[str, Any]] = []

    def _fail(self, code: Code, message: str, event: Any, hint: str | None = None) -> None:
        span = Span(event.start_mark.index, max(event.end_mark.index, event.start_mark.index + 1))
        self._problems.error(code, message, span=span, hint=hint)

    def read(self) -> Any:
        """Read the stream to its end."""
        get = self._get
        document: Any = None
        seen = False
        while (event := get()) is not None:
            if event.__class__ is DocumentStartEvent:
                if seen:
                    self._fail(
                        Code.MULTIPLE_DOCUMENTS,
                        "the file holds more than one YAML document",
                        event,
                        "one file is one mission: another one is a file of its own, which a"
                        " step runs with `step_type: mission`",
                    )
                    return document
                seen = True
                document = self._document()
        return document

    def _document(self) -> Any:  # one flat loop: it runs for every value
        get = self._get
        intern = sys.intern
        root: list[Any] = []
        container: Any = root
        is_list = True
        key: Any = _PENDING
        stack: list[tuple[Any, bool, Any, str | None, int]] = []
        nodes = 0
        while True:
            event = get()
            kind = event.__class__
            if kind is ScalarEvent:
                text = event.value
                if not is_list and key is _PENDING:
                    key = intern(text)
                    if event.tag is not None or event.anchor is not None:
                        self._note(event, key, 1)
                    if key in container:
                        self._fail(Code.DUPLICATE_KEY, f"duplicate key {shorten(key)}", event)
                        self._duplicates.append(container)
                        key = _DUPLICATE
                    continue
                nodes += 1
                if len(text) > MAX_SCALAR_CHARACTERS:
                    self._too_long(event, len(text))
                if event.implicit[0] and (not text or text[0] in STARTS):
                    value = self._resolve(text, event)
                    if value.__class__ in _NUMBERS and str(value) != text:
                        place = len(container) if is_list else key
                        self._numbers.append(Written(container, place, text))
                else:
                    value = text
                if event.tag is not None or event.anchor is not None:
                    self._note(event, value, 1)
                if is_list:
                    container.append(value)
                else:
                    container[key] = value
                    key = _PENDING
            elif kind is MappingStartEvent or kind is SequenceStartEvent:
                nodes += 1
                if nodes > MAX_NODES:
                    self._too_many(event)
                value = {} if kind is MappingStartEvent else []
                if len(stack) > MAX_DEPTH_LEVELS:
                    self._too_deep(event)
                if event.tag is not None:
                    self._note(event, None, 0)
                if not is_list and key is _PENDING:
                    self._fail(
                        Code.KEY_NOT_TEXT, "a key must be a text, not a list or mapping", event
                    )
                    raise _Stop
                if is_list:
                    container.append(value)
                else:
                    container[key] = value
                stack.append((container, is_list, value, event.anchor, nodes))
                container, is_list, key = value, kind is SequenceStartEvent, _PENDING
            elif kind is MappingEndEvent or kind is SequenceEndEvent:
                container, is_list, value, anchor, before = stack.pop()
                key = _PENDING
                if anchor is not None:
                    self._anchors[anchor] = (value, nodes - before + 1)
            elif kind is AliasEvent:
                if not is_list and key is _PENDING:
                    self._fail(Code.KEY_NOT_TEXT, "an alias cannot be a key", event)
                    raise _Stop
                value, size = self._alias(event)
                nodes += size
                if is_list:
                    container.append(value)
                else:
                    container[key] = value
                    key = _PENDING
            else:  # the end of the document
                for mapping in self._duplicates:
                    mapping.pop(_DUPLICATE, None)
                return root[0] if root else None
            if nodes > MAX_NODES:
                self._too_many(event)

    def _resolve(self, text: str, event: Any) -> Any:
        try:
            return resolve(text)
        except NumberRangeError as error:
            self._fail(Code.NUMBER_RANGE, str(error), event, "quote it if it is meant as text")
            return text

    def _note(self, event: Any, value: Any, size: int) -> None:
        """Refuse a tag; remember the anchor of a scalar."""
        if event.tag is not None:
            tag = event.tag.replace("tag:yaml.org,2002:", "!!")
            self._fail(
                Code.TAG,
                f"tags are not allowed: {tag}",
                event,
                "remove the tag; quote a value to make it text",
            )
        if size and event.anchor is not None:
            self._anchors[event.anchor] = (value, size)

    def _alias(self, event: Any) -> tuple[Any, int]:
        known = self._anchors.get(event.anchor)
        if known is None:
            self._fail(
                Code.UNKNOWN_ALIAS,
                f"alias *{event.anchor} has no anchor &{event.anchor} that is complete before it",
                event,
            )
            return None, 1
        self._alias_nodes += known[1]
        if self._alias_nodes > MAX_ALIAS_NODES:
            self._fail(
                Code.ALIAS_BOMB,
                f"aliases repeat more than {MAX_ALIAS_NODES:,} values",
                event,
                "write the values out, or use variables",
            )
            raise _Stop
        return known

    def _too_long(self, event: Any, length: int) -> None:
        start = event.start_mark.index
        self._problems.error(
            Code.TOO_LARGE,
            f"a text of {length:,} characters is longer than {MAX_SCALAR_CHARACTERS:,}",
            span=Span(start, start + 1),
            hint="put it into a file and read it there",
        )
        raise _Stop

    def _too_deep(self, event: Any) -> None:
        self._fail(Code.TOO_DEEP, f"nested deeper than {MAX_DEPTH_LEVELS} levels", event)
        raise _Stop

    def _too_many(self, event: Any) -> None:
        self._fail(Code.TOO_MANY_NODES, f"more than {MAX_NODES:,} values in one file", event)
        raise _Stop
