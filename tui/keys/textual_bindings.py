"""The table of key bindings as Textual's bindings, for `BINDINGS` of screens and widgets."""

from textual.binding import Binding, BindingType

from tui.keys.key_bindings import KEYS


def bindings(place: str) -> list[BindingType]:
    """Return the bindings of a place in the table, each with its id."""
    return [
        Binding(key.keys, key.action, key.label, show=key.show, id=key.id, priority=key.priority)
        for key in KEYS[place]
    ]
