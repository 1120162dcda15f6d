"""The application: wires feed, screens and the port to the world together. Decides nothing."""

import asyncio
import json
import os
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from textual import work
from textual.app import App
from textual.binding import Binding, BindingType
from textual.dom import DOMNode
from textual.screen import Screen

from core.clock import SystemClock
from core.errors import BugError, MissionDeckError
from core.model import EMPTY, Execution
from core.ports import Clock, LogQuery, Reader
from tui.acting import Acts
from tui.backend import Backend, MissionFile, Surroundings
from tui.feed import Feed, Lookup
from tui.format import count
from tui.keymap import bindings
from tui.messages import Committed, FeedBroken, FeedLost
from tui.palette import DeckCommands
from tui.screens.base import DeckScreen
from tui.screens.home import HomeScreen
from tui.text import clean, clean_line
from tui.theme import CYCLE, THEMES

CLIPBOARD_LIMIT = 70_000
"""Bytes that terminals take by OSC 52 at once; what is longer is cut from the front."""
LOST_SECONDS = 15.0
"""Between two looks for runners that are gone."""


class MissionDeckApp(App[None]):
    """The screen over a `Backend`. `start` is the execution to open first."""

    TITLE = "Mission Deck"
    CSS_PATH = "deck.tcss"
    BINDINGS: ClassVar[list[BindingType]] = bindings("app")
    COMMANDS: ClassVar[set[Any]] = {DeckCommands}
    ENABLE_COMMAND_PALETTE = True
    COMMAND_PALETTE_BINDING = "ctrl+p"

    def __init__(
        self, backend: Backend, *, start: str | None = None, clock: Clock | None = None
    ) -> None:
        super().__init__()
        self.backend = backend
        self.clock: Clock = clock or SystemClock()
        self.feed = Feed(backend.open_reader, self.post_message)
        self.lookup = Lookup(backend.open_reader)
        self.acts = Acts(self, backend, self.short_id)
        self.missions: Sequence[MissionFile] = ()
        self.executions: Sequence[Execution] = ()
        self.problem = ""
        self._short_ids: dict[str, str] = {}
        self._start = start
        self._home = HomeScreen(self.clock)

    @property
    def surroundings(self) -> Surroundings:
        """Where the screen is."""
        return self.backend.surroundings

    def get_default_screen(self) -> Screen[Any]:
        """Start at home."""
        return self._home

    def on_mount(self) -> None:
        """Dress up, and begin to watch once the first picture is on the terminal."""
        for theme in THEMES:
            self.register_theme(theme)
        here = self.surroundings
        wanted = here.theme
        self.theme = wanted if wanted in self.available_themes else THEMES[0].name
        if here.keymap:
            self.set_keymap(here.keymap)
        for note in here.notes:
            self.complain(clean_line(note))
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        self.feed.start()
        self.discover()
        self._notice_lost()
        self.set_interval(LOST_SECONDS, self._notice_lost)
        if self._start is not None:
            self.open_execution(self._start)

    async def on_unmount(self) -> None:
        """End the threads; executions go on without us."""
        await asyncio.to_thread(self.feed.stop)
        await asyncio.to_thread(self.lookup.stop)

    # --- news ------------------------------------------------------------------------------------

    def on_committed(self, _event: Committed) -> None:
        """Hand what was committed to the screen that watches."""
        delta = self.feed.take()
        if delta.short_ids:
            self._short_ids.update(delta.short_ids)
        if delta.executions is not None:
            self.executions = delta.executions
        for screen in reversed(self.screen_stack):
            if isinstance(screen, DeckScreen) and screen.watches:
                screen.deliver(delta)
                return

    def on_feed_lost(self, event: FeedLost) -> None:
        """Say that reading fails, or that it works again."""
        self.complain(clean_line(f"cannot read: {event.text}") if event.text else "")

    def on_feed_broken(self, event: FeedBroken) -> None:
        """End with the error that the feed met."""
        raise event.error

    def tell(self, text: str) -> None:
        """Say what was done."""
        self.notify(text, markup=False, timeout=4)

    def complain(self, text: str) -> None:
        """Say what failed in the banner, where it stays until the next act; empty takes it away."""
        self.problem = text
        for screen in reversed(self.screen_stack):
            if isinstance(screen, DeckScreen):
                screen.show_banner(text)
                return

    @work(exclusive=True, group="discover")
    async def discover(self) -> None:
        """Look for mission files."""
        try:
            self.missions = await asyncio.to_thread(self.backend.discover_missions)
        except BugError:
            raise
        except MissionDeckError as error:
            self.complain(clean_line(f"missions are not listed: {error.message}"))
        self._home.show_missions(self.missions)

    @work(exclusive=True, group="lost")
    async def _notice_lost(self) -> None:
        try:
            await asyncio.to_thread(self.backend.notice_lost)
        except BugError:
            raise
        except MissionDeckError as error:
            self.complain(clean_line(f"a lost runner could not be recorded: {error.message}"))

    def short_id(self, execution_id: str) -> str:
        """Return the short form of an execution's id."""
        return self._short_ids.get(execution_id, execution_id[:8])

    # --- going about -----------------------------------------------------------------------------

    def open_execution(self, execution_id: str) -> None:
        """Show an execution, over home."""
        from tui.screens.execution import ExecutionScreen

        self.problem = ""
        self._above_home(ExecutionScreen(execution_id))

    def open_launch(self, path: str, params: Mapping[str, Any] = EMPTY) -> None:
        """Show the launch form of a mission."""
        from tui.screens.launch import LaunchScreen

        self.push_screen(LaunchScreen(path, params))

    def go_home(self) -> None:
        """Leave everything above home."""
        while len(self.screen_stack) > 1:
            self.pop_screen()

    def _above_home(self, screen: DeckScreen) -> None:
        self.go_home()
        self.push_screen(screen)

    def action_help(self) -> None:
        """Show the keys of this screen."""
        from tui.screens.help import HelpEntry, HelpScreen, group_of

        if isinstance(self.screen, HelpScreen):
            return
        entries: dict[str, HelpEntry] = {}
        for active in self.screen.active_bindings.values():
            binding = active.binding
            group = group_of(binding.id)
            if not group or binding.system:
                continue
            key, known = self.get_key_display(binding), binding.id or binding.action
            before = entries.get(known)
            keys = key if before is None else f"{before.keys} {key}"
            entries[known] = HelpEntry(keys, binding.description, group)
        self.push_screen(HelpScreen(list(entries.values())))

    def action_next_theme(self) -> None:
        """Change to the next theme."""
        at = CYCLE.index(self.theme) if self.theme in CYCLE else -1
        self.set_theme(CYCLE[(at + 1) % len(CYCLE)])

    def set_theme(self, name: str) -> None:
        """Change to a theme."""
        self.theme = name
        self.tell(f"theme {name}")
        self.screen.refresh(layout=True)

    @property
    def theme_names(self) -> list[str]:
        """The themes there are, ours first."""
        rest = sorted(name for name in self.available_themes if name not in CYCLE)
        return [*CYCLE, *rest]

    def action_entries(self, screen: Screen[Any]) -> list[tuple[str, str, str, DOMNode]]:
        """Return key, label, action and its owner of everything that works on a screen."""
        found: dict[str, tuple[str, str, str, DOMNode]] = {}
        for active in screen.active_bindings.values():
            binding: Binding = active.binding
            if binding.id and binding.description and active.enabled and not binding.system:
                key = self.get_key_display(binding)
                found.setdefault(
                    binding.id, (key, binding.description, binding.action, active.node)
                )
        return list(found.values())

    # --- taking along ----------------------------------------------------------------------------

    def copy(self, text: str, what: str) -> None:
        """Copy to the terminal's clipboard (OSC 52); what is too long is cut from the front."""
        data = text.encode("utf-8", "replace")
        note = f"copied {what}"
        if len(data) > CLIPBOARD_LIMIT:
            text = data[-CLIPBOARD_LIMIT:].decode("utf-8", "ignore")
            note = (
                f"copied the end of {what} ({len(data):,} bytes in all): S writes it all to a file"
            )
        self.copy_to_clipboard(text)
        self.tell(note)

    @work(exclusive=True, group="take")
    async def copy_log(self, query: LogQuery, *, as_json: bool) -> None:
        """Copy a whole log, as far as the clipboard takes it."""
        try:
            text = await self.lookup.read(lambda reader: _log_text(reader, query, as_json=as_json))
        except MissionDeckError as error:
            self.complain(clean_line(str(error)))
            return
        self.copy(text, "the log")

    @work(exclusive=True, group="take")
    async def save_log(self, query: LogQuery) -> None:
        """Write a whole log to a file of the export folder."""
        name = _file_name(f"{query.task_id or 'all'}-{query.attempt or 0}", "log")
        path = self.surroundings.export_folder / name
        try:
            lines = await self.lookup.read(lambda reader: _write_log(reader, query, path))
        except (MissionDeckError, OSError) as error:
            self.complain(clean_line(f"not written: {error}"))
            return
        self.tell(clean_line(f"{count(lines, 'line')} written to {path}"))

    def save_text(self, text: str, stem: str, suffix: str) -> None:
        """Write a text to a file of the export folder."""
        path = self.surroundings.export_folder / _file_name(stem, suffix)
        try:
            path.write_text(text, encoding="utf-8", errors="replace")
        except OSError as error:
            self.complain(clean_line(f"not written: {error}"))
            return
        self.tell(clean_line(f"written to {path}"))

    def action_picture(self) -> None:
        """Save what is on the screen as an SVG picture."""
        self.save_text(self.export_screenshot(title="Mission Deck"), "mission-deck", "svg")

    @work(exclusive=True, group="validate")
    async def validate(self, path: str) -> None:
        """Validate a mission file and say what was found."""
        try:
            preview = await asyncio.to_thread(self.backend.preview, path)
        except BugError:
            raise
        except MissionDeckError as error:
            self.complain(clean_line(error.message))
            return
        errors = [finding for finding in preview.findings if finding.severity == "error"]
        if errors:
            first = errors[0]
            where = f"line {first.line}: " if first.line else ""
            self.complain(clean_line(f"{count(len(errors), 'error')}; {where}{first.message}"))
        else:
            warnings = len(preview.findings)
            self.complain("")
            self.tell("valid" + (f", {count(warnings, 'warning')}" if warnings else ""))
        self.discover()

    def edit(self, path: str) -> None:
        """Open a file in $VISUAL or $EDITOR while the screen steps aside."""
        editor = os.environ.get("VISUAL") or os.environ.get("EDITOR")
        if not editor:
            self.complain("set $EDITOR to open files from here")
            return
        try:
            with self.suspend():
                subprocess.run([*shlex.split(editor), path], check=False)
        except (OSError, ValueError) as error:
            self.complain(clean_line(f"the editor did not start: {error}"))
        self.discover()


def _file_name(stem: str, suffix: str) -> str:
    safe = "".join(c if c.isalnum() or c in "._-" else "_" for c in stem)[:80].lstrip(".") or "log"
    return f"{safe}.{suffix}"


def _log_text(reader: Reader, query: LogQuery, *, as_json: bool) -> str:
    if not as_json:
        return "\n".join(clean(entry.message) for _chunk, entry in reader.logs(query))
    return "\n".join(
        json.dumps(
            {
                "task_id": entry.task_id,
                "attempt": entry.attempt,
                "seq": entry.seq,
                "timestamp": entry.timestamp,
                "level": entry.level.value,
                "stream": entry.stream.value,
                "message": entry.message,
            },
            ensure_ascii=False,
        )
        for _chunk, entry in reader.logs(query)
    )


def _write_log(reader: Reader, query: LogQuery, path: Path) -> int:
    lines = 0
    with path.open("w", encoding="utf-8", errors="replace") as file:
        for _chunk, entry in reader.logs(query):
            file.write(f"{entry.message}\n")
            lines += 1
    return lines
