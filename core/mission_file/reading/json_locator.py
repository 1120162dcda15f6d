"""Locates values in JSON text, in a second pass that is made only when positions are needed."""

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress

from core.mission_file.finding.problem import Path, Position
from core.mission_file.finding.source_text import Span
from core.mission_file.reading.path_tree import PathTree, path_tree

_TOKEN = re.compile(r'[{}\[\],:]|"[^"\\]*(?:\\.[^"\\]*)*"|[^\s{}\[\],:"]+', re.DOTALL)


def locate_json(text: str, paths: Iterable[Path]) -> dict[Path, Position]:
    """Return the positions of paths and their ancestors; paths that do not exist are left out."""
    walk = _Walk(text)
    with suppress(StopIteration):  # an empty or broken text: the reader has reported it
        walk.document(path_tree(paths))
    return walk.spots


class JsonTokens:
    """Searches the tokens of a text that the json module has read, or failed to read."""

    def __init__(self, text: str) -> None:
        self._text = text

    def all(self) -> Iterator[re.Match[str]]:
        """Yield every token."""
        return _TOKEN.finditer(self._text)

    def first_deeper_than(self, depth: int) -> int:
        """Return the index of the first bracket nested deeper than `depth`."""
        now = 0
        for match in self.all():
            if match[0] in "{[":
                if now > depth:
                    return match.start()
                now += 1
            elif match[0] in "}]":
                now -= 1
        return 0

    def lone_surrogates(self) -> Iterator[Span]:
        """Yield the strings that contain a lone surrogate."""
        for match in self.all():
            if match[0].startswith('"') and "\\u" in match[0]:
                try:
                    json.loads(match[0]).encode()
                except UnicodeEncodeError:
                    yield Span(match.start(), match.end())

    def duplicate_keys(self) -> Iterator[tuple[Span, str]]:
        """Yield each key that its object already has."""
        stack: list[set[str] | None] = []
        expects_key = False
        for match in self.all():
            lexeme = match[0]
            if lexeme == "{":
                stack.append(set())
                expects_key = True
            elif lexeme == "[":
                stack.append(None)
            elif lexeme in "}]":
                stack.pop()
                expects_key = False
            elif lexeme == ",":
                expects_key = bool(stack) and stack[-1] is not None
            elif expects_key and lexeme.startswith('"'):
                key = json.loads(lexeme)
                names = stack[-1]
                if names is not None and key in names:
                    yield Span(match.start(), match.end()), key
                elif names is not None:
                    names.add(key)
                expects_key = False


class _Walk:
    """Descends as far as a tree of paths leads. The text has been read, so it is well-formed."""

    def __init__(self, text: str) -> None:
        self.spots: dict[Path, Position] = {}
        self._tokens = _TOKEN.finditer(text)

    def document(self, tree: PathTree) -> None:
        """Take the whole text."""
        self._rest(next(self._tokens), (), tree, None)

    def _rest(
        self, opening: re.Match[str], path: Path, tree: PathTree | None, key: Span | None
    ) -> None:
        end = opening.end()
        if opening[0] == "{":
            end = self._object(path, tree)
        elif opening[0] == "[":
            end = self._array(path, tree)
        if tree is not None:
            self.spots.setdefault(path, Position(key, Span(opening.start(), end)))

    def _object(self, path: Path, tree: PathTree | None) -> int:
        while True:
            match = next(self._tokens)
            if match[0] == "}":
                return match.end()
            if match[0] == ",":
                continue
            name = json.loads(match[0])
            next(self._tokens)  # the colon
            below = None if tree is None else tree.get(name)
            if below is None or (*path, name) in self.spots:
                self._rest(next(self._tokens), path, None, None)
            else:
                key = Span(match.start(), match.end())
                self._rest(next(self._tokens), (*path, name), below, key)

    def _array(self, path: Path, tree: PathTree | None) -> int:
        index = 0
        while True:
            match = next(self._tokens)
            if match[0] == "]":
                return match.end()
            if match[0] == ",":
                continue
            self._rest(match, (*path, index), None if tree is None else tree.get(index), None)
            index += 1
