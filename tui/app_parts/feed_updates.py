"""Delivers what was committed to the screen that watches, and tells it outside of the screen."""

import asyncio
from typing import TYPE_CHECKING

from textual import work

from tui.app_parts.recurring_checks import RecurringChecks
from tui.look.terminal_notice import RESTORE_TITLE, SAVE_TITLE, notification, title
from tui.screens.deck_screen import DeckScreen
from tui.words.run_label import run_label
from tui.words.safe_text import clean_line

if TYPE_CHECKING:
    from core.domain.approval_question import OpenQuestion
    from core.domain.records import Execution
    from core.ports.control import RequestKind, RequestOutcome
    from tui.live.backend import Receipt
    from tui.live.board import Board
    from tui.live.messages import Committed, Delta, FeedLost, ThreadBroken
    from tui.live.screen.notices import Notices

REFRESH_TURNS = 8
"""Turns of the event loop in which all updated widgets request their repaint.

Without them the first widget would be painted in one frame and the others in the next.
"""


class FeedUpdates(RecurringChecks):
    """The part that takes the updates of the feed, and follows the user's own requests."""

    def __init__(self) -> None:
        super().__init__()
        self._short_ids: dict[str, str] = {}
        self._notices: Notices | None = None

    async def on_committed(self, _event: "Committed") -> None:
        """Deliver what was committed to the watching screen, painted in one frame."""
        if not self.is_running:
            return  # shutting down
        delta = self.feed.take()
        shown = delta.execution
        if shown is not None and shown.state.value == "FAILED":
            self.look_at([shown.execution_id])
        if delta.short_ids:
            self._short_ids.update(delta.short_ids)
        if self.app_context.notify:
            self._tell(delta)
        screen = self.watching
        if screen is None:
            return
        with self.batch_update():
            screen.deliver(delta)
            for _ in range(REFRESH_TURNS):
                await asyncio.sleep(0)
        for painted in {screen, *self.screen_stack[-1:]}:
            painted.check_idle()  # the end of a batch does not wake them, nor a dialog on top

    def _tell(self, delta: "Delta") -> None:
        """Tell outside of the screen what has happened to what is watched, and how things stand."""
        from tui.live.screen.notices import Notices, title_of, title_of_run

        if self._notices is None:
            self._notices = Notices()
            self.write_terminal(SAVE_TITLE)
        for text in self._notices.news(delta):
            self.write_terminal(notification(text))
        if delta.home is not None:
            self.write_terminal(title(title_of(delta.home)))
        elif delta.execution is not None:
            self.write_terminal(title(title_of_run(delta.execution)))

    def _restore_title(self) -> None:
        """Give the terminal back the title that it had, if it was changed."""
        if self._notices is not None:
            self.write_terminal(RESTORE_TITLE)

    @property
    def watching(self) -> DeckScreen | None:
        """The screen that receives the feed's updates: the topmost one that watches."""
        found = (one for one in reversed(self.screen_stack) if isinstance(one, DeckScreen))
        return next((one for one in found if one.watches), None)

    def on_feed_lost(self, event: "FeedLost") -> None:
        """Show that reading fails, or that it works again."""
        text = clean_line(f"cannot read: {event.text}") if event.text else ""
        self.show_problem(text, lasts=True)

    def on_thread_broken(self, event: "ThreadBroken") -> None:
        """End with the error of a background thread."""
        raise event.error

    def label(self, execution: "Execution") -> str:
        """Return the label of an execution: `deploy#7 0193c0de`."""
        return clean_line(run_label(execution, self.short_id(execution.execution_id)))

    def short_id(self, execution_id: str) -> str:
        """Return the short form of an execution's id."""
        return self._short_ids.get(execution_id, execution_id[:8])

    @work(group="requests")
    async def follow(self, receipt: "Receipt", kind: "RequestKind", subject: str) -> None:
        """Report the outcome of a request once there is one, whatever screen is shown then."""
        from tui.live.follow_request import follow_request

        async def read_outcome(request_id: int) -> "RequestOutcome | None":
            return await self.lookup.read(lambda reader: reader.request_outcome(request_id))

        await follow_request(self, receipt, kind, subject, read_outcome)

    async def question(self, board: "Board", task_id: str) -> "OpenQuestion":
        """Read the question, approvers and deadline of a step that waits for an approval."""
        from tui.live.execution_queries import read_question

        return await self.lookup.read(lambda reader: read_question(reader, board, task_id))
