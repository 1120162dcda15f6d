"""Locates values in YAML text, in a second pass that is made only when positions are needed."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from yaml import (
    AliasEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    YAMLError,
)

from core.mission_file.finding.limit import MAX_DEPTH_LEVELS
from core.mission_file.finding.problem import Path, Position
from core.mission_file.finding.source_text import Span
from core.mission_file.reading.path_tree import PathTree, path_tree
from core.mission_file.reading.yaml_event import event_source


def locate_yaml(text: str, paths: Iterable[Path]) -> dict[Path, Position]:
    """Return the positions of paths and of their ancestors; paths that do not exist are left out.

    A text that is not well-formed is located up to its error. The span of a collection ends behind
    its last value.
    """
    locator = _Locator(text)
    with suppress(YAMLError):  # reported by the reader; what precedes it has been found
        locator.walk(path_tree(paths))
    return locator.spots


class _Locator:
    def __init__(self, text: str) -> None:
        self.spots: dict[Path, Position] = {}
        self._text = text
        self._get: Callable[[], Any] = event_source(text)
        self._last_end = 0

    def walk(self, tree: PathTree) -> None:
        """Follow the events of the first document as far as `tree` leads."""
        while (event := self._get()) is not None:
            if event.__class__ in _NODES:
                self._node(event, (), tree, None, 0)
                return

    def _node(self, event: Any, path: Path, tree: PathTree, key: Span | None, depth: int) -> int:
        """Locate one wanted value; return where its text ends."""
        kind = event.__class__
        start = event.start_mark.index
        end: int = event.end_mark.index
        flow = kind in _STARTS and event.flow_style
        if kind is MappingStartEvent and depth <= MAX_DEPTH_LEVELS:
            end = self._mapping(path, tree, depth, end)
        elif kind is SequenceStartEvent and depth <= MAX_DEPTH_LEVELS:
            end = self._sequence(path, tree, depth, end)
        elif kind is ScalarEvent and event.style in ("|", ">"):
            end = start + len(self._text[start:end].rstrip())
        if flow:
            end = self._last_end
        self.spots[path] = Position(key, Span(start, max(end, start)))
        return end

    def _mapping(self, path: Path, tree: PathTree, depth: int, end: int) -> int:
        seen: set[str] = set()
        while True:
            event: Any = self._get()
            if event.__class__ is MappingEndEvent:
                self._last_end = _end(event)
                return end
            if event.__class__ is not ScalarEvent:
                self._skip(event)  # a list or mapping as key: the reader has refused it
                self._skip(self._get())
                continue
            name = event.value
            key = Span(_start(event), _end(event))
            value = self._get()
            if name in tree and name not in seen:
                seen.add(name)
                end = self._node(value, (*path, name), tree[name], key, depth + 1)
            else:
                end = self._skip(value)

    def _sequence(self, path: Path, tree: PathTree, depth: int, end: int) -> int:
        index = 0
        while True:
            event: Any = self._get()
            if event.__class__ is SequenceEndEvent:
                self._last_end = _end(event)
                return end
            if index in tree:
                end = self._node(event, (*path, index), tree[index], None, depth + 1)
            else:
                end = self._skip(event)
            index += 1

    def _skip(self, first: Any) -> int:
        """Skip one value, however deep; return where its text ends."""
        event = first
        depth = 0
        end = 0
        while True:
            kind = event.__class__
            if kind in _STARTS:
                depth += 1
                end = event.end_mark.index
            elif kind in _ENDS:
                depth -= 1
                if event.end_mark.index > event.start_mark.index:  # a closing bracket
                    end = event.end_mark.index
            else:
                end = event.end_mark.index
                if kind is ScalarEvent and event.style in ("|", ">"):
                    start = event.start_mark.index
                    end = start + len(self._text[start:end].rstrip())
            if depth == 0:
                return end
            event = self._get()


def _start(event: Any) -> int:
    index: int = event.start_mark.index
    return index


def _end(event: Any) -> int:
    index: int = event.end_mark.index
    return index


_STARTS = (MappingStartEvent, SequenceStartEvent)
_ENDS = (MappingEndEvent, SequenceEndEvent)
_NODES = (*_STARTS, ScalarEvent, AliasEvent)
