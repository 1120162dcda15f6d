"""Time travel: the whole screen of an execution as it was at any of its events.

While the past is shown, what is committed is kept for the way back.
"""

from collections.abc import Mapping, Sequence

from core.audit.replay.timeline import Moment
from core.domain.records import Attempt, Execution, TaskRun
from core.errors import MissionDeckError
from tui.lines.past_bar import past_parts, reading_parts
from tui.live.board import Board
from tui.live.coalescing_worker import CoalescingWorker
from tui.live.execution_queries import StepRecords
from tui.live.messages import Delta
from tui.live.past import Past, Place, attempts_at, changed_tasks, records_at, shown
from tui.live.screen.as_of import AsOf
from tui.look.styled_text import Part
from tui.screens.panes.inner_graphs import InnerGraphs
from tui.screens.panes.refused_in_past import RefusedInPast
from tui.words.safe_text import clean_line

PLAY_SECONDS = (60, 20, 6)
"""How long playing the whole run takes; the key goes from one to the next."""
FRAME_SECONDS = 0.25
"""How often a moment is shown while the past is played."""


class ExecutionPast(RefusedInPast, InnerGraphs):
    """Base of the execution screen. `_moment` is the moment shown, None for now."""

    key_place = "execution"

    def __init__(self, execution_id: str) -> None:
        super().__init__(execution_id)
        self._moment: Moment | None = None
        self._past = Past(execution_id, self.deck.lookup)
        self._wanted: list[Place] = []
        self._is_called_back = False
        """Whether the way to a moment is given up: the present was asked for meanwhile."""
        self._traveller = CoalescingWorker(self._travel, self.run_worker)
        self._present: Board | None = None
        """The run as it is now, while the past is shown."""
        self._speed = 0.0
        """How much faster than it happened the past is played; 0: it stands."""
        self._play_choice = -1

    @property
    def shows_past(self) -> bool:
        """Whether the screen shows the past."""
        return self._moment is not None

    @property
    def as_of(self) -> AsOf | None:
        """The moment shown, as a limit of what is read; None for now."""
        moment, instant = self._moment, self.clock.moment
        return None if moment is None or instant is None else AsOf(moment.event.seq, instant)

    def past_head(self) -> Sequence[Part]:
        """Return which moment is shown, for the screens on top; nothing for now."""
        moment, instant = self._moment, self.clock.moment
        if moment is None or instant is None:
            return ()
        return past_parts(moment, instant, max(moment.place, self._past.size), 0.0)[0]

    def board_replaced(self, board: Board) -> None:
        """Show another board in every pane."""

    def board_updated(
        self, board: Board, execution: Execution, changed: Mapping[str, TaskRun]
    ) -> None:
        """Apply changed records to the board and every pane."""

    def moment_changed(self) -> None:
        """Show header and last lines of another moment."""

    # --- keys ------------------------------------------------------------------------------------

    def action_past(self, step: int) -> None:
        """Go to the next or the previous event; on the tab of events first to the one chosen."""
        chosen = self._left.events.chosen_seq if self._left.tab == "events" else None
        if chosen is not None and chosen != self._event_shown:
            self._go(Place(seq=chosen))
        elif self.shows_past or step < 0:
            self._go(Place(step=step))

    def go_to_step_event(self, step: int) -> None:
        """Go to the next or the previous event of the selected step."""
        if self.selected is not None and (self.shows_past or step < 0):
            self._go(Place(step=step, task_id=self.selected))

    def action_play(self) -> None:
        """Play the past from the moment shown, or from the start; faster; then stand still."""
        self._play_choice += 1
        if self._play_choice >= len(PLAY_SECONDS):
            self._stand()
            self._tell_past()
            return
        if not self.shows_past:
            self._go(Place(at=0))

    def action_present(self) -> None:
        """Show the run as it is now."""
        self._wanted.clear()
        self._is_called_back = True
        if self.shows_past:
            self._show_present()

    def action_back(self) -> None:
        """Return to now before anything else is left."""
        if self.shows_past and self.focused is not self._field:
            self.action_present()
        else:
            super().action_back()

    # --- travelling ------------------------------------------------------------------------------

    def on_mount(self) -> None:
        """Play the past while it is to be played."""
        self.set_interval(FRAME_SECONDS, self._play)

    @property
    def _event_shown(self) -> int | None:
        return None if self._moment is None else self._moment.event.seq

    def _go(self, place: Place) -> None:
        if self.board is not None:
            if place.at is None:
                self._stand()
            self._wanted.append(place)
            self._traveller.request()

    def _stand(self) -> None:
        self._speed, self._play_choice = 0.0, -1

    def _play(self) -> None:
        if not self.shows_past or self._play_choice < 0 or self._wanted or not self.is_current:
            return
        first, last = self._past.span
        self._speed = max(1.0, (last - first) / 1e9 / PLAY_SECONDS[self._play_choice])
        instant = self.clock.now() + round(self._speed * FRAME_SECONDS * 1e9)
        self._go(Place(at=instant if instant < last else last + 1, step=int(instant >= last)))

    async def _travel(self) -> None:
        """Go where the keys since the last time lead."""
        wanted, self._wanted = self._wanted, []
        if not wanted:
            return
        self._is_called_back = False
        try:
            await self._past.read(self._tell_reading)
            number = None if self._moment is None else self._moment.place
            for place in wanted:
                number = self._past.number(place, number)
            is_present = number is None or number > self._past.size
            moment = None if is_present else await self._past.moment(number or 1)
        except MissionDeckError as error:
            self._past_bar.display = self.shows_past
            self.deck.show_problem(clean_line(f"the past cannot be shown: {error.message}"))
            return
        if self._is_called_back or not self.is_current:
            self._past_bar.display = self.shows_past
            return  # what was opened meanwhile shows the moment that it was opened over
        self.catch_up()
        if moment is None:
            self._show_present()
        else:
            self._show_moment(moment, wanted[-1].at)

    def _show_moment(self, moment: Moment, instant: int | None) -> None:
        """Show a moment, at an instant until the next one."""
        board = self.board
        if board is None:
            return
        if self._present is None:
            self._present = _copy_of(board)
            _forget_the_present(board)
            self._user_selected = True
        earlier, self._moment = self._moment, moment
        self.clock.moment = max(moment.at, instant or 0)
        self._bottom.set_until(self.clock.moment)
        changed = changed_tasks(board.tasks, moment, earlier)
        if changed is None:
            self._show_board(Board(moment.execution, map(shown, moment.tasks.values())))
        else:
            self.board_updated(board, moment.execution, changed)
        self._left.events.show_seq(moment.event.seq)
        self._settle()

    def _show_present(self) -> None:
        board, present = self.board, self._present
        self._present = self._moment = self.clock.moment = None
        self._bottom.set_until(None)
        self._stand()
        self._past_bar.display = False
        if board is None or present is None:
            return
        if board.tasks.keys() == present.tasks.keys():
            _remember_the_present(board, present)
            changed = {i: task for i, task in present.tasks.items() if task != board.tasks[i]}
            self.board_updated(board, present.execution, changed)
        else:
            self._show_board(present)
        self._settle()

    def _show_board(self, board: Board) -> None:
        before = self.board
        if before is not None and before.mission is not None:
            board.learn(before.mission)
        self.board = board
        if self.selected not in board.tasks:
            task = None if before is None else before.tasks.get(self.selected or "")
            parent = None if task is None else task.parent_task_id
            self.selected = parent if parent in board.tasks else board.attention()
        self.board_replaced(board)

    def _settle(self) -> None:
        """Bring what is read apart from the board to the moment that is shown."""
        self._tell_past()
        self._titles()
        self.moment_changed()
        self._record_reader.request()
        self._attempt_reader.request()
        self.refresh_inner()
        self.refresh_bindings()

    def _tell_reading(self, count: int) -> None:
        if not self.shows_past:
            self._past_bar.display = True
            self._past_bar.set_parts(reading_parts(count))

    def _tell_past(self) -> None:
        moment, instant = self._moment, self.clock.moment
        if moment is not None and instant is not None:
            self._past_bar.display = True
            total = max(moment.place, self._past.size)
            self._past_bar.set_parts(*past_parts(moment, instant, total, self._speed))

    # --- what comes in meanwhile -----------------------------------------------------------------

    def keep(self, delta: Delta) -> None:
        """Take what was committed while the past is shown."""
        board = self._present
        if board is None:
            return
        if delta.execution is not None:
            board.execution = delta.execution
        board.apply(delta.tasks or {})
        if delta.lease_read:
            board.lease, board.lease_known = delta.lease, True

    def as_shown(self, records: StepRecords) -> StepRecords | None:
        """Return a step's records at the moment shown; None if it was not there yet."""
        moment = self._moment
        if moment is None:
            return records
        return records_at(moment, records) if records.task.task_id in moment.tasks else None

    def attempts_shown(self) -> list[Attempt] | None:
        """Return all attempts at the moment shown; None for now."""
        return None if self._moment is None else attempts_at(self._moment)


def _copy_of(board: Board) -> Board:
    copy = Board(board.execution, board.tasks.values())
    if board.mission is not None:
        copy.learn(board.mission)
    _remember_the_present(copy, board)
    return copy


def _remember_the_present(board: Board, present: Board) -> None:
    """Give a board what is known of the run apart from its events."""
    board.lease, board.lease_known = present.lease, present.lease_known
    board.usual_seconds, board.usual_word = present.usual_seconds, present.usual_word


def _forget_the_present(board: Board) -> None:
    """Take from a board what was not so or not known at another moment."""
    board.lease, board.lease_known = None, False
    board.usual_seconds = {}
