"""Paths as a tree of their keys, so that a locator follows all of them in one pass."""

from collections.abc import Iterable

from core.mission_file.finding.problem import Path

PathTree = dict[str | int, "PathTree"]


def path_tree(paths: Iterable[Path]) -> PathTree:
    """Return the tree of `paths`: every key leads to the tree of what follows it."""
    root: PathTree = {}
    for path in paths:
        node = root
        for part in path:
            node = node.setdefault(part, {})
    return root
