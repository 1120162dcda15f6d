"""Recognises functions and scripts that start themselves in the background, without a condition."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tree_sitter import Node

IsSelf = Callable[[str], bool]
"""Tells whether the text of a command's name is that of the function or script itself."""

_CONDITIONAL: Final = frozenset({"if_statement", "case_statement", "function_definition"})
_ENDING: Final = frozenset({"return", "exit"})
_QUOTES: Final = str.maketrans("", "", "'\"\\")


def is_fork_bomb(body: "Node", is_self: IsSelf) -> bool:
    """Tell whether a body starts itself in the background, or more than once in a pipeline."""
    return _Search(is_self).is_in(body, in_background=False)


class _Search:
    def __init__(self, is_self: IsSelf) -> None:
        self._is_self = is_self
        self._has_ended = False

    def is_in(self, node: "Node", *, in_background: bool) -> bool:
        if self._has_ended or node.type in _CONDITIONAL:
            return False
        if node.type == "command":
            return self._is_bomb(node, in_background=in_background)
        if node.type == "pipeline":
            starts = sum(self._starts(child) for child in node.named_children)
            if starts > 1 or (starts and in_background):
                return True
        children = node.children
        for index, child in enumerate(children):
            if node.type == "list" and child.type in {"&&", "||"}:
                break  # what follows depends on what came before
            is_last = index + 1 == len(children)
            behind = in_background or (not is_last and children[index + 1].type == "&")
            if child.is_named and self.is_in(child, in_background=behind):
                return True
        return False

    def _is_bomb(self, command: "Node", *, in_background: bool) -> bool:
        name = _name(command)
        self._has_ended = self._has_ended or name in _ENDING
        return in_background and self._starts(command)

    def _starts(self, node: "Node") -> bool:
        if node.type == "command":
            return self._is_self(_name(node)) or any(
                self._is_self(_text(child).translate(_QUOTES)) and _name(node) in _STARTERS
                for child in node.named_children
            )
        return node.type in {"subshell", "compound_statement"} and any(
            self._starts(child) for child in node.named_children
        )


_STARTERS: Final = frozenset({"sh", "bash", "dash", "exec", "nohup", "setsid", "eval", "command"})


def _name(command: "Node") -> str:
    for child in command.named_children:
        if child.type == "command_name":
            return _text(child).translate(_QUOTES)
    return ""


def _text(node: "Node") -> str:
    return (node.text or b"").decode("utf-8", "replace")
