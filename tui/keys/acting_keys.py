"""The actions that a read-only screen refuses: they start, change or write something."""

from tui.keys.key_bindings import KEYS

READING = frozenset({"validate", "verify", "stop", "mark", "look_at"})
"""Actions that the help lists under "Acting" although they change no execution and no file."""
WRITING = frozenset(
    {
        "save", "save_log", "export", "picture", "edit", "page_log", "open_shell", "launch", "init",
    }
)  # fmt: skip
"""Actions that write a file, or lead to a program that can, wherever the help lists them."""


def action_name(action: str) -> str:
    """Return the name of an action without its parameters and namespace: `retry(False)`."""
    return action.partition("(")[0].rpartition(".")[2]


ACTING = WRITING | (
    frozenset(
        action_name(key.action) for keys in KEYS.values() for key in keys if key.group == "Acting"
    )
    - READING
)
"""The names of the actions that are refused. A new key under "Acting" is one of them at once."""
