"""The last line of a screen: its keys, most useful first, as many as fit."""

from collections.abc import Iterator, Sequence

from textual.app import App
from textual.binding import Binding
from textual.screen import Screen
from textual.widgets import Input

from core.value.terminal_text import width_of
from tui.keys.acting_keys import ACTING, action_name
from tui.live.deck import deck_of
from tui.look.styled_text import Part
from tui.widgets.base.bar import Bar

READ_ONLY = " read-only "
ALWAYS = ("help", "palette")
"""The keys that are always shown, at the end."""


class KeyBar(Bar):
    """Shows the bindings that are marked to be shown and currently work.

    Below a dialog or the palette it is empty, for keys act on what is on top.
    """

    DEFAULT_CSS = """
    KeyBar { dock: bottom; }
    """

    def __init__(self) -> None:
        super().__init__(plain=True)

    def on_mount(self) -> None:
        """Update the bar when the focus moves, and when the screen is covered or uncovered."""
        self.screen.bindings_updated_signal.subscribe(self, self._update)
        self.call_after_refresh(self._update, self.screen)

    def on_resize(self) -> None:
        """Show as many as fit."""
        self._update(self.screen)

    def _update(self, _screen: Screen[object]) -> None:
        if not self.is_attached:
            return
        parts: list[Part] = []
        if deck_of(self.app).is_read_only:
            parts.append(Part(READ_ONLY, style="warn"))
        keys = shown_keys(self.app, self.screen) if self.app.screen is self.screen else []
        always = [entry for entry in keys if entry[1] in ALWAYS]
        room = self.size.width - sum(_cells(entry) for entry in always)
        room -= sum(width_of(part.text) for part in parts)
        shown = []
        for entry in keys:
            if entry not in always and _cells(entry) <= room:
                room -= _cells(entry)
                shown.append(entry)
        for key, label, action in (*shown, *always):
            parts.append(Part(f" {key}", style="accent", action=action))
            parts.append(Part(f" {label} ", style="muted", action=action))
        self.set_parts(parts)


def shown_keys(app: App[object], screen: Screen[object]) -> list[tuple[str, str, str]]:
    """Return key, label and action of the shown bindings, those of the focused widget first.

    A widget's `first_keys` are ids of bindings of its screen that are about it.
    """
    found: dict[str, tuple[str, str, str]] = {}
    typing = isinstance(screen.focused, Input)
    first: Sequence[str] = getattr(screen.focused, "first_keys", ())
    for binding, label in offered_keys(app, screen):
        if typing and binding.key == "slash":
            continue  # Textual has no name for this character
        if binding.show or binding.id in first:
            action = f"app.simulate_key('{binding.key}')"
            key = binding.id or binding.action
            found.setdefault(key, (app.get_key_display(binding), label, action))
    names = sorted(found, key=lambda name: first.index(name) if name in first else len(first))
    return [found[name] for name in names]


def offered_keys(app: App[object], screen: Screen[object]) -> Iterator[tuple[Binding, str]]:
    """Yield the bindings that do something now, each with what it does now."""
    shows = getattr(screen, "shows", lambda _action: True)
    label_of = getattr(screen, "label_of", lambda _action, label: label)
    is_read_only = deck_of(app).is_read_only
    for active in screen.active_bindings.values():
        binding = active.binding
        if not (active.enabled and binding.description and shows(binding.action)):
            continue
        if not (is_read_only and action_name(binding.action) in ACTING):
            yield binding, label_of(binding.action, binding.description)


def _cells(entry: tuple[str, str, str]) -> int:
    key, label, _action = entry
    return width_of(key) + width_of(label) + 3
