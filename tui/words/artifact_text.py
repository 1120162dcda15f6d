"""How many files were kept of an attempt, in words."""

from collections.abc import Mapping
from typing import Any

from core.domain.state_word import counted
from tui.words.numbers import size


def artifacts_text(kept: Mapping[str, Mapping[str, Any]] | None) -> str:
    """Return number and size of the files: `3 files, 1.2 MB`; empty when there are none."""
    if not kept:
        return ""
    return f"{counted(len(kept), 'file')}, {size(sum(int(one['bytes']) for one in kept.values()))}"
