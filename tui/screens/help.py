"""The help: the keys of the current screen, searchable."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.events import Key
from textual.screen import ModalScreen, Screen
from textual.widgets import Input, Static

from core.value.terminal_text import width_of
from tui.keys.key_bindings import GROUPS, group_of
from tui.keys.textual_bindings import bindings
from tui.look.styled_text import Line
from tui.widgets.base.filter_field import Syntax
from tui.widgets.base.key_bar import KeyBar
from tui.widgets.base.text_view import TextView
from tui.words.safe_text import fit

LEGEND = (
    ("SUCCESS", "✓ done"),
    ("FAILED", "✗ failed"),
    ("RUNNING", "▶ running"),
    ("WAITING", "↻ waiting or retrying"),
    ("READY", "◌ queued"),
    ("PENDING", "○ pending"),
    ("SKIPPED", "⊘ skipped"),
    ("CANCELLED", "◼ cancelled"),
)


IDS_FROM_COLUMNS = 100
"""The width of a terminal from which the id of each key, for keys.toml, is shown as well."""
LABEL_CELLS = 42


@dataclass(frozen=True, slots=True)
class HelpEntry:
    """One line of the help: the keys, what they do, under which heading, and the id to remap."""

    keys: str
    label: str
    group: str
    id: str


def help_entries(screen: Screen[object], display: Callable[[Binding], str]) -> list[HelpEntry]:
    """Return what the keys of a screen do, one entry for all keys that do the same."""
    entries: dict[str, HelpEntry] = {}
    for active in screen.active_bindings.values():
        binding = active.binding
        group = group_of(binding.id)
        if not group or binding.system:
            continue
        key, known = display(binding), binding.id or binding.action
        before = entries.get(known)
        keys = key if before is None else f"{before.keys} {key}"
        entries[known] = HelpEntry(keys, binding.description, group, known)
    return list(entries.values())


def _entry_line(entry: HelpEntry, *, shows_id: bool) -> Line:
    keys = [("  ", ""), (fit(entry.keys, 16) + " ", "strong")]
    if not shows_id or width_of(entry.label) > LABEL_CELLS:
        return [*keys, (entry.label, "text")]
    return [*keys, (fit(entry.label, LABEL_CELLS) + " ", "text"), (entry.id, "faint")]


class HelpScreen(ModalScreen[None]):
    """An overlay with the bindings that work on the screen below, as they are mapped now."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("help")

    def __init__(
        self, entries: Sequence[HelpEntry], filters: Sequence[tuple[str, Syntax]] = ()
    ) -> None:
        super().__init__()
        self._entries = entries
        self._filters = filters

    def compose(self) -> ComposeResult:
        """Title, search field, keys."""
        with Vertical(id="help"):
            yield Static("Keys", markup=False, id="help-title")
            yield Input(placeholder="search the keys", id="help-search", compact=True)
            yield TextView(id="help-text")
        yield KeyBar()

    def on_mount(self) -> None:
        """Show all and wait for a search."""
        self._show("")
        self.set_focus(self.query_one(Input))

    def on_input_changed(self, event: Input.Changed) -> None:
        """Show the keys that match the search."""
        self._show(event.value)

    def on_input_submitted(self) -> None:
        """Go to the text to scroll in it."""
        self.set_focus(self.query_one(TextView))

    def on_key(self, event: Key) -> None:
        """Let the arrow keys scroll while the search has the focus."""
        rows = {"down": 1, "up": -1, "pagedown": 10, "pageup": -10}.get(event.key)
        if rows is not None and self.focused is self.query_one(Input):
            self.query_one(TextView).action_move(rows)

    def _show(self, wanted: str) -> None:
        words = wanted.lower().split()
        shows_ids = self.app.size.width >= IDS_FROM_COLUMNS
        lines: list[Line] = []
        for group in GROUPS:
            entries = [
                entry
                for entry in self._entries
                if entry.group == group
                and all(
                    word in f"{entry.keys} {entry.label} {group} {entry.id}".lower()
                    for word in words
                )
            ]
            if entries:
                lines.append([(group, "accent")])
                lines += [_entry_line(entry, shows_id=shows_ids) for entry in entries]
                lines.append([("", "")])
        for title, syntax in self._filters:
            told = [
                (example, meaning)
                for example, meaning in syntax
                if all(word in f"{title} {example} {meaning} filter".lower() for word in words)
            ]
            if told:
                lines.append([(f"{title} (/)", "accent")])
                lines += [
                    [("  ", ""), (fit(example, 22) + " ", "strong"), (meaning, "text")]
                    for example, meaning in told
                ]
                lines.append([("", "")])
        if not words:
            lines.append([("Signs", "accent")])
            lines += [[("  ", ""), (text, f"state:{state}")] for state, text in LEGEND]
        elif not lines:
            lines.append([("No key does that here", "muted")])
        self.query_one(TextView).set_lines(lines)

    def action_close(self) -> None:
        """Back to the screen below."""
        self.dismiss()
