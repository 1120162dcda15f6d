"""Scans the whole text of a file for what later checks look for, so that they can be skipped.

Most missions have no template and no secret; then no text of any step has to be checked.
"""

from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from core.mission_file.finding.problem import Path

_ESCAPES = ("\\x", "\\u", "\\U")
_WORDS = ("passw", "passphrase", "token", "secret", "key", "credential")
_TOKEN_PARTS = (  # of the secrets that `core.mission_file.meaning.secret_value` recognises by form
    *("-----BEGIN", "AKIA", "ASIA", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
    *("glpat-", "xox", "sk_live_", "AIza"),
)


class Prescan(Struct, frozen=True):
    """What a file may contain; False means certainly not."""

    templates: bool
    secrets: bool
    dollar_signs: bool
    parent_folders: bool


def prescan(text: str) -> Prescan:
    """Scan a whole file by plain searches: a pattern would take longer than parsing."""
    if any(escape in text for escape in _ESCAPES):
        return Prescan(
            templates=True, secrets=True, dollar_signs=True, parent_folders=True
        )  # an escape may encode anything
    lower = text.lower()
    return Prescan(
        templates="{{" in text or "{%" in text,
        secrets=any(word in lower for word in _WORDS) or any(part in text for part in _TOKEN_PARTS),
        dollar_signs="$" in text,
        parent_folders=".." in text,
    )


def walk_texts(value: Any, path: Path) -> Iterator[tuple[str, Path, bool]]:
    """Yield every text in `value`, at any depth, with its path and whether it is a key."""
    if value.__class__ is str:
        yield value, path, False
    elif value.__class__ is dict:
        for key, item in value.items():
            yield key, (*path, key), True
            yield from walk_texts(item, (*path, key))
    elif value.__class__ is list:
        for index, item in enumerate(value):
            yield from walk_texts(item, (*path, index))
