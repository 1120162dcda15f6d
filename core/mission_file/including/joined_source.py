"""The bytes of a mission and of the files that it includes, as one text that can be split again.

The first line names the files and how many bytes each has, as JSON; then follow their bytes, each
behind a line with its name. A mission is recorded like this, so that its digest covers all of it
and a later reader needs no other file. A person reads it as YAML with several documents.
"""

import json
from collections.abc import Sequence

from msgspec import Struct

_HEAD = b"# mission files: "


class SourceFile(Struct, frozen=True):
    """One file of a mission. `name` is its path from the folder of the mission file."""

    name: str
    content: bytes


def join_files(files: Sequence[SourceFile]) -> bytes:
    """Return the mission file, which comes first, and what it includes as one text."""
    sizes = [[file.name, len(file.content)] for file in files]
    parts = [_HEAD, json.dumps(sizes, ensure_ascii=False).encode(), b"\n"]
    for file in files:
        parts += [_separator(file.name), file.content]
    return b"".join(parts)


def is_joined(content: bytes) -> bool:
    """Tell whether content looks like that of several files; `split_files` knows."""
    return content.startswith(_HEAD)


def split_files(content: bytes) -> list[SourceFile] | None:
    """Return the files that `join_files` has joined, None for the content of a single file."""
    if not content.startswith(_HEAD):
        return None
    line, _, rest = content.partition(b"\n")
    try:
        sizes = json.loads(line.removeprefix(_HEAD))
    except ValueError:
        return None
    if not isinstance(sizes, list) or not sizes:
        return None
    files: list[SourceFile] = []
    for entry in sizes:
        match entry:
            case [str(name), int(size)] if size >= 0:
                before = _separator(name)
            case _:
                return None
        if not rest.startswith(before) or len(rest) < len(before) + size:
            return None
        files.append(SourceFile(name, rest[len(before) : len(before) + size]))
        rest = rest[len(before) + size :]
    return None if rest else files


def first_file(content: bytes) -> bytes:
    """Return the bytes of the mission file itself, without what it includes."""
    files = split_files(content)
    return content if files is None else files[0].content


def _separator(name: str) -> bytes:
    return b"\n--- # " + json.dumps(name, ensure_ascii=False).encode() + b"\n"
