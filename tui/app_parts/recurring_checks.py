"""What the application looks for by itself: missions, lost runners, a broken log, new failures."""

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING

from textual import work

from core.errors import BugError, MissionDeckError
from tui.app_parts.deck_app import DeckApp
from tui.words.safe_text import clean_line

if TYPE_CHECKING:
    from core.audit.verify.log_checked import LogChecked

LOST_CHECK_SECONDS = 15.0
"""How often to look for runners that are gone."""
LOG_CHECK_EVENTS = 20_000
"""The most new events that are verified after the start: half a second at 40,000 in a second."""


class RecurringChecks(DeckApp):
    """The part that checks in threads, and remembers what was found."""

    def __init__(self) -> None:
        super().__init__()
        self.log_checked: LogChecked | None = None
        self.log_problem = ""
        self.looked_at: frozenset[str] = frozenset()
        self._has_begun = False

    def begin_checks(self) -> None:
        """Search for mission files and lost runners from now on, if that has not begun yet.

        What is searched costs more than the first rows of home and their preview, which would wait.
        """
        if not self._has_begun:
            self._has_begun = True
            self.discover()
            self._notice_lost()
            self.set_interval(LOST_CHECK_SECONDS, self._notice_lost)

    @work(exclusive=True, group="discover")
    async def discover(self) -> None:
        """Search for mission files."""
        try:
            self.missions = await asyncio.to_thread(self.backend.discover_missions)
        except BugError:
            raise
        except MissionDeckError as error:
            self.show_problem(clean_line(f"cannot list missions: {error.message}"), lasts=True)
        self._home.show_missions(self.missions)

    @work(exclusive=True, group="lost")
    async def _notice_lost(self) -> None:
        try:
            await asyncio.to_thread(self.backend.notice_lost)
        except BugError:
            raise
        except MissionDeckError as error:
            text = clean_line(f"cannot record a lost runner: {error.message}")
            self.show_problem(text, lasts=True)

    @work(exclusive=True, group="log")
    async def _check_log(self) -> None:
        """Verify the chain behind what was verified before, so that a broken one is shown."""
        try:
            checked = await asyncio.to_thread(
                self.backend.verify_log, full=False, most_events=LOG_CHECK_EVENTS
            )
        except BugError:
            raise
        except MissionDeckError:
            return  # no database yet, or the feed says what is wrong
        if self.log_checked is None:
            self.note_checked(checked)

    def note_checked(self, checked: "LogChecked") -> None:
        """Take note of a verification; a broken log is then shown on every screen."""
        from tui.lines.audit_lines import broken_text

        self.log_checked = checked
        before, self.log_problem = self.log_problem, broken_text(checked)
        if self.log_problem != before and not self.problem:
            self.show_problem("")
        self._home.log_changed()

    def look_at(self, execution_ids: Iterable[str]) -> None:
        """Take note, for good, that somebody has looked at failures."""
        new = frozenset() if self.is_read_only else frozenset(execution_ids) - self.looked_at
        if new:
            self.looked_at |= new
            self._remember_looked_at(new)

    @work(group="memory")
    async def _remember_looked_at(self, execution_ids: frozenset[str]) -> None:
        memory, now = self.backend.memory, self.clock.now()
        await asyncio.to_thread(memory.look_at, execution_ids, now)
