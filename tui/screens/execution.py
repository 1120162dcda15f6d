"""One execution, live: its steps in five views with one selection, and the selection's log."""

import asyncio
from collections.abc import Sequence
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.widget import Widget
from textual.widgets import ContentSwitcher, Input

from core.errors import MissionDeckError
from core.model import Attempt, AuditEvent, Execution, Mission
from core.ports import LogQuery, Reader
from core.reasons import Reason
from core.states import ExecutionState, TaskState, is_terminal
from tui.board import Board
from tui.filter import parse_filter
from tui.format import long_clock, remaining, rough
from tui.glyph import look
from tui.keymap import bindings
from tui.messages import Delta, StepOpened, StepSelected
from tui.screens.base import DeckScreen
from tui.screens.inspector import InspectorScreen
from tui.screens.titles import head_parts, log_title_parts, side_parts, tab_parts
from tui.story import Facts, ending_of, facts_json, overview_lines
from tui.text import clean_line
from tui.views import CANVAS_TABS, Canvas, make_canvas
from tui.widgets.bar import Bar, Part
from tui.widgets.event_list import EventList, task_of
from tui.widgets.key_bar import KeyBar
from tui.widgets.line_view import LineView
from tui.widgets.log_pane import LogPane
from tui.widgets.step_list import StepList
from tui.widgets.text_view import TextView

EVENT_PAGE = 1000
SETTLE_SECONDS = 0.12
"""How long the selection rests before its details are read."""


class ExecutionScreen(DeckScreen):
    """Header, tabs, side pane, log. `focus_step` is where it opens; else where attention is due."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("execution")
    watches = True

    def __init__(self, execution_id: str, *, focus_step: str | None = None) -> None:
        super().__init__()
        self.execution_id = execution_id
        self._wanted = focus_step
        self.board: Board | None = None
        self.selected: str | None = None
        self._steered = False
        self._facts: Facts | None = None
        self._attempt = 0
        self._merged = False
        self._tab = "list"
        self._zoomed: str | None = None
        self._log_asked = False
        self._filtering = "steps"
        self._history: list[float] = []
        self._drawn: dict[str, Canvas] = {}
        clock = self.deck.clock
        self._head_bar = Bar(plain=True, id="head")
        self._main = Horizontal(id="main")
        self._left = Vertical(id="left")
        self._side = Vertical(id="side")
        self._bottom = Vertical(id="bottom")
        self._tabs = Bar(id="tabs")
        self._side_title = Bar(id="side-title")
        self._log_title = Bar(id="log-title")
        self._views = ContentSwitcher(initial="list", id="views")
        self._side_views = ContentSwitcher(initial="summary", id="side-views")
        self._list = StepList(clock, id="list")
        self._events = EventList(id="events")
        self._summary = TextView(id="summary")
        self._side_list = StepList(clock, id="side-list")
        self._log = LogPane(self.deck.feed, self.deck.lookup, id="log")
        self._field = Input(id="filter", compact=True)

    def compose(self) -> ComposeResult:
        """Header, tabs over views and side pane, log, field, keys."""
        yield self._head_bar
        yield self.banner
        with Vertical(id="body"):
            with self._main:
                with self._left:
                    yield self._tabs
                    with self._views:
                        yield self._list
                        yield self._events
                with self._side:
                    yield self._side_title
                    with self._side_views:
                        yield self._summary
                        yield self._side_list
            with self._bottom:
                yield self._log_title
                yield self._log
        yield self._field
        yield KeyBar()

    def on_mount(self) -> None:
        """Show that it is being opened."""
        self._field.display = False
        self._list.placeholder = "Opening …"
        self._head_bar.set_parts([Part(" opening … ", ink="muted")])
        self._titles()
        self._list.focus()
        self.set_interval(0.5, self._tick)

    def on_screen_resume(self) -> None:
        """Watch this execution, and follow its log again where another screen followed one."""
        self.deck.feed.watch_execution(self.execution_id)
        if self.board is not None:
            self._show_log()

    def _canvases(self) -> list[Canvas]:
        return list(self._drawn.values())

    # --- news ------------------------------------------------------------------------------------

    def deliver(self, delta: Delta) -> None:
        """Take in what was committed."""
        execution = delta.execution
        if execution is not None and execution.execution_id == self.execution_id:
            if self.board is None or delta.opened:
                self._open(execution, delta)
            else:
                self._change(self.board, execution, delta)
        if self.board is not None and delta.lease_read:
            self.board.lease, self.board.lease_known = delta.lease, True
        for news in delta.logs or ():
            self._log.deliver(news)
        if self.board is not None:
            self._head()
            if self._tab == "events" and delta.last_seq:
                self._read_events()

    def _open(self, execution: Execution, delta: Delta) -> None:
        before = self.board
        board = self.board = Board(execution, (delta.tasks or {}).values())
        if before is not None and before.mission is not None:
            board.learn(before.mission)
        chosen = self._wanted if self._wanted in board.tasks else None
        if self.selected not in board.tasks:
            self.selected = chosen or board.attention()
        self._list.show(board, self.selected)
        self._list.placeholder = "This execution has no steps"
        self._side_list.show(board, self.selected)
        for canvas in self._canvases():
            canvas.show_board(board, self.selected)
        if board.mission is None:
            self._learn(execution)
        self._selection_changed()

    def _change(self, board: Board, execution: Execution, delta: Delta) -> None:
        board.execution = execution
        changed = delta.tasks or {}
        if not changed:
            return
        moved = board.apply(changed)
        self._list.board_changed(changed, moved=moved)
        if self._tab != "list":
            self._side_list.board_changed(changed, moved=moved)
        for canvas in self._canvases():
            canvas.board_changed(changed)
        self._read_attempts()
        if not self._steered and moved:
            focus = board.attention()
            if focus is not None and focus != self.selected and self._worth_a_look(board, focus):
                self.select(focus)
                return
        if self.selected in changed:
            self._read_facts()

    def _worth_a_look(self, board: Board, task_id: str) -> bool:
        """Tell whether an untouched selection should follow: to a failure, or off what ended."""
        state = board.tasks[task_id].state
        if state is TaskState.FAILED or self.selected is None:
            return True
        return is_terminal(board.tasks[self.selected].state) and not is_terminal(state)

    def _tick(self) -> None:
        if self.is_current and self.board is not None and self.board.is_live:
            self._head()
            self._list.tick()
            self._side_list.tick()
            facts = self._facts
            moving = facts is not None and not is_terminal(facts.task.state)
            if moving and self._tab == "list" and self._side.display:
                self._show_summary(keep_place=True)

    @work(exclusive=True, group="learn")
    async def _learn(self, execution: Execution) -> None:
        """Read the authored mission and how long it took before."""
        backend = self.deck.backend

        def read(reader: Reader) -> tuple[Mission, list[float]]:
            mission = backend.read_mission(reader.mission_source(execution.mission_digest))
            past = reader.executions(limit=30, mission_name=execution.mission_name)
            spent = [
                (one.ended_at - one.started_at) / 1e9
                for one in past
                if one.state is ExecutionState.SUCCESS
                and one.ended_at is not None
                and one.started_at is not None
                and one.execution_id != execution.execution_id
            ]
            return mission, spent

        try:
            mission, self._history = await self.deck.lookup.read(read)
        except MissionDeckError as error:
            self.deck.complain(
                f"the mission file of this run cannot be read: {clean_line(str(error))}"
            )
            return
        board = self.board
        if board is None:
            return
        board.learn(mission)
        if not self._steered and self._wanted is None:
            focus = board.attention()
            if focus is not None and focus != self.selected:
                self.select(focus)
        for canvas in self._canvases():
            canvas.show_board(board, self.selected)
        self._list.refresh()
        self._side_list.refresh()
        self._head()
        if self._facts is not None:
            self._show_summary(keep_place=True)

    # --- selection -------------------------------------------------------------------------------

    def select(self, task_id: str) -> None:
        """Select a step in every view."""
        if self.board is None or task_id not in self.board.tasks or task_id == self.selected:
            return
        self.selected = task_id
        self._selection_changed()

    def _selection_changed(self) -> None:
        if self.selected is None:
            return
        self._list.select(self.selected)
        self._side_list.select(self.selected)
        for canvas in self._canvases():
            canvas.select_step(self.selected)
        self._facts = None
        self._attempt = 0
        self._titles()
        self._settled()

    @work(exclusive=True, group="settle")
    async def _settled(self) -> None:
        """Read the details once the selection rests."""
        await asyncio.sleep(SETTLE_SECONDS)
        self._read_facts()

    def on_step_selected(self, event: StepSelected) -> None:
        """Follow the selection of one view in the others."""
        self._steered = True
        self.select(event.task_id)

    def on_step_opened(self, event: StepOpened) -> None:
        """Inspect a step."""
        self.select(event.task_id)
        self.action_inspect()

    def on_line_view_chosen(self, event: LineView.Chosen) -> None:
        """Inspect the step of the row, or that of the event."""
        if event.view is self._events:
            chosen = self._events.event(event.index)
            task_id = None if chosen is None else task_of(chosen)
            if task_id is not None:
                self.select(task_id)
        self.action_inspect()

    @work(exclusive=True, group="facts")
    async def _read_facts(self) -> None:
        task_id, execution_id = self.selected, self.execution_id
        if task_id is None:
            return

        def read(reader: Reader) -> Facts:
            return Facts(
                reader.task_run(execution_id, task_id), reader.attempts(execution_id, task_id)
            )

        try:
            facts = await self.deck.lookup.read(read)
        except MissionDeckError:
            return  # the feed meets the same failure and shows it
        if task_id != self.selected:
            return
        before = self._facts
        self._facts = facts
        newest = facts.attempts[-1].attempt if facts.attempts else 0
        followed = (
            before is None or not before.attempts or self._attempt == before.attempts[-1].attempt
        )
        if not self._attempt or (followed and newest):
            self._attempt = newest
        self._show_summary(keep_place=before is not None)
        self._show_log()

    def _shown_attempt(self) -> Attempt | None:
        facts = self._facts
        if facts is None:
            return None
        return next((one for one in facts.attempts if one.attempt == self._attempt), None)

    def _show_summary(self, *, keep_place: bool = False) -> None:
        if self.board is None or self._facts is None:
            return
        lines = overview_lines(self.board, self._facts, self.deck.clock.now(), brief=True)
        self._summary.set_lines(lines, keep_place=keep_place)

    def _why_silent(self) -> str:
        board = self.board
        task = None if board is None or self.selected is None else board.tasks[self.selected]
        if task is None:
            return "No step selected"
        if task.reason_code is Reason.EXPANDED or any(
            one.parent_task_id == task.task_id for one in board.tasks.values()
        ):
            return "It fanned out: each of its items has its own output"
        if is_terminal(task.state):
            return f"{look(task.state).word} without an attempt: there is no output"
        return "It has not started: no output yet"

    def _show_log(self) -> None:
        log = self._log
        if self._merged:
            query: LogQuery | None = LogQuery(execution_id=self.execution_id)
            empty = "No output yet"
        elif self.selected is None or not self._attempt:
            query, empty = None, self._why_silent()
        else:
            query = LogQuery(
                execution_id=self.execution_id, task_id=self.selected, attempt=self._attempt
            )
            empty = "No output"
        if log.query_shown != query or log.is_stale:
            log.show(query, empty=empty)
        ending = (
            ""
            if self._merged or self.board is None
            else ending_of(self._shown_attempt(), self.board)
        )
        log.set_ending(ending)
        self._titles()

    @work(exclusive=True, group="attempts")
    async def _read_attempts(self) -> None:
        """Read all attempts while a view that draws them is in sight."""
        canvas = self._drawn.get(self._tab)
        if canvas is None or not canvas.wants_attempts:
            return
        await asyncio.sleep(SETTLE_SECONDS)
        execution_id = self.execution_id
        try:
            found = await self.deck.lookup.read(lambda reader: reader.attempts(execution_id))
        except MissionDeckError:
            return  # the feed meets the same failure and shows it
        canvas.take_attempts(found)

    # --- titles ----------------------------------------------------------------------------------

    def _head(self) -> None:
        board = self.board
        if board is None:
            return
        now = self.deck.clock.now()
        execution = board.execution
        started, ended = execution.started_at, execution.ended_at
        spent = 0.0 if started is None else ((ended or now) - started) / 1e9
        eta = None
        if execution.state is ExecutionState.RUNNING:
            left = remaining(spent, board.share_done, self._history)
            eta = None if left is None else rough(left)
        parts = head_parts(
            board, self.deck.short_id(self.execution_id), long_clock(spent), eta, now
        )
        self._head_bar.set_parts(*parts)
        if board.is_orphaned(now):
            self.show_banner("nobody runs this any more: its runner is gone. p resumes it")
        elif not self.deck.problem:
            self.show_banner("")

    def _titles(self) -> None:
        focused = self.focused.id if self.focused is not None else ""
        filter_text = self._list.filter_text
        matched = self._list.matched if filter_text else None
        tabs = self._tabs
        tabs.set_parts(*tab_parts(self._tab, filter_text, matched))
        tabs.lit = self.focused is not None and self._views in self.focused.ancestors
        side = self._side_title
        side.set_parts(*side_parts(self._tab, self.selected, filter_text))
        side.lit = focused in ("summary", "side-list")
        title = self._log_title
        attempts: Sequence[Attempt] = self._facts.attempts if self._facts is not None else ()
        title.set_parts(
            *log_title_parts(self._log, self.selected, attempts, self._attempt, self._merged)
        )
        title.lit = focused == "log"

    def on_log_pane_changed(self) -> None:
        """Say in the title what the log shows."""
        self._titles()

    def on_descendant_focus(self) -> None:
        """Light the title of the pane in focus."""
        self._titles()

    # --- arrangement -----------------------------------------------------------------------------

    def sized(self, width: int, height: int) -> None:
        """Arrange the panes for a size."""
        super().sized(width, height)
        for canvas in self._canvases():
            canvas.fit_terminal(width)
        self.set_class(height < 18, "-short")
        self._arrange()

    def _arrange(self) -> None:
        narrow, short = self.has_class("-narrow"), self.has_class("-short")
        zoomed = self._zoomed
        if zoomed is None and short:
            zoomed = "log" if self._log_asked else "left"
        self._main.display = zoomed in (None, "left", "side")
        self._left.display = zoomed in (None, "left")
        self._side.display = zoomed == "side" or (zoomed is None and not narrow)
        self._bottom.display = zoomed in (None, "log")
        self._titles()

    def action_zoom(self) -> None:
        """Give the pane in focus the whole screen, or give it back."""
        if self._zoomed is not None:
            self._zoomed = None
        else:
            self._zoomed = self._pane_in_focus()
        self._arrange()

    def _pane_in_focus(self) -> str:
        focused = self.focused
        if focused is not None and focused.id == "log":
            return "log"
        return "side" if focused is not None and focused.id in ("summary", "side-list") else "left"

    def action_tab(self, tab: str) -> None:
        """Show another view of the steps."""
        self._tab = tab
        self.set_class(tab in ("graph", "gantt"), "-canvas")
        self._log_asked = False
        if self._zoomed in ("log", "side"):
            self._zoomed = None
        self._arrange()
        self._show_tab(tab)

    @work(exclusive=True, group="tab")
    async def _show_tab(self, tab: str) -> None:
        views = self._views
        if tab in CANVAS_TABS and tab not in self._drawn:
            canvas = self._drawn[tab] = make_canvas(tab, self.deck.clock)
            canvas.fit_terminal(self.size.width)
            await views.mount(canvas)
            if self.board is not None:
                canvas.show_board(self.board, self.selected)
        views.current = tab
        canvas_now = self._drawn.get(tab)
        if canvas_now is not None and self.board is not None:
            canvas_now.catch_up(self.board, self.selected)
        self._side_views.current = "summary" if tab == "list" else "side-list"
        if tab != "list" and self.board is not None:
            self._side_list.show(self.board, self.selected)
        if tab == "events":
            self._read_events()
        self._read_attempts()
        if canvas_now is not None:
            canvas_now.focus_canvas()
        else:
            views.query_one(f"#{tab}").focus()
        self._titles()

    def action_pane(self, step: int) -> None:
        """Go to the next pane that is in sight."""
        panes: list[Widget] = [self._view_in_sight()]
        if self._side.display:
            panes.append(self._side_list if self._tab != "list" else self._summary)
        panes.append(self._log)
        focused = self.focused
        ids = [pane.id for pane in panes]
        at = ids.index(focused.id) if focused is not None and focused.id in ids else 0
        chosen = panes[(at + step) % len(panes)]
        self._log_asked = chosen is self._log
        if self._zoomed is not None:
            self._zoomed = "log" if chosen is self._log else "left"
        self._arrange()
        chosen.focus()

    def _view_in_sight(self) -> Widget:
        if self._tab in self._drawn:
            return self._drawn[self._tab].focus_target
        return self._events if self._tab == "events" else self._list

    def action_back(self) -> None:
        """Leave the field, the search, the zoom, the log; then the screen."""
        if self.focused is self._field:
            if self._filtering == "log":
                self._log.set_search("")
            else:
                self._set_step_filter("")
            self._leave_field()
        elif self._log.search:
            self._log.set_search("")
        elif self._list.filter_text:
            self._set_step_filter("")
        elif self._zoomed is not None:
            self.action_zoom()
        elif self.focused is self._log:
            self._log_asked = False
            self._arrange()
            self._view_in_sight().focus()
        else:
            self.action_home()

    def action_home(self) -> None:
        """Go back to home; the run goes on."""
        self.deck.go_home()

    # --- log -------------------------------------------------------------------------------------

    def action_logs(self) -> None:
        """Go to the log of the selection."""
        self._log_asked = True
        if self._zoomed in ("left", "side"):
            self._zoomed = "log"
        if self._merged:
            self._merged = False
            self._show_log()
        self._arrange()
        self._log.focus()

    def action_merged_log(self) -> None:
        """Show the log of all steps in one, or that of the selection again."""
        self._merged = not self._merged
        self._log_asked = True
        self._show_log()
        self._arrange()
        self._log.focus()

    def action_log(self, switch: str) -> None:
        """Turn a switch of the log."""
        log = self._log
        match switch:
            case "follow":
                log.toggle_follow()
            case "wrap":
                log.toggle_wrap()
            case "times":
                log.toggle_times()
            case _:
                log.next_streams()

    def action_attempt(self, step: int) -> None:
        """Show the log of the attempt before or behind."""
        facts = self._facts
        if facts is None or not facts.attempts:
            return
        numbers = [attempt.attempt for attempt in facts.attempts]
        at = numbers.index(self._attempt) if self._attempt in numbers else len(numbers) - 1
        self.action_show_attempt(numbers[max(0, min(len(numbers) - 1, at + step))])

    def action_show_attempt(self, number: int) -> None:
        """Show the log of an attempt by its number."""
        self._attempt = number
        self._merged = False
        self._show_log()

    def action_save_log(self) -> None:
        """Write the whole log that is shown to a file."""
        query = self._log.query_shown
        if query is not None:
            self.deck.save_log(query)

    # --- finding ---------------------------------------------------------------------------------

    def action_failure(self, step: int) -> None:
        """Go to the next or previous failed step, round and round."""
        board = self.board
        failures = [] if board is None else board.failures()
        if not failures:
            self.deck.tell("no step has failed")
            return
        self._steered = True
        if self.selected in failures:
            at = (failures.index(self.selected) + step) % len(failures)
        else:
            at = 0 if step > 0 else len(failures) - 1
        if len(failures) > 1 or self.selected != failures[at]:
            self.deck.tell(f"error {at + 1}/{len(failures)}: {clean_line(failures[at])}")
        self.select(failures[at])

    def action_filter(self) -> None:
        """Filter the steps, or search the log when it has the focus."""
        field = self._field
        self._filtering = "log" if self.focused is self._log else "steps"
        if self._filtering == "log":
            field.placeholder = "search all lines"
        else:
            field.placeholder = "filter: state:failed  type:command  dur>30s  try>1  words"
        field.display = True
        with self.prevent(Input.Changed):
            field.value = self._log.search if self._filtering == "log" else self._list.filter_text
        field.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter or search while it is typed."""
        if self._filtering == "log":
            self._log.set_search(event.value)
        else:
            self._set_step_filter(event.value)

    def _set_step_filter(self, text: str) -> None:
        self._list.set_filter(text)
        self._side_list.set_filter(text)
        board = self.board
        if board is not None:
            condition = parse_filter(text)
            found = board.matching(condition, self.deck.clock.now()) if condition else None
            for canvas in self._canvases():
                canvas.set_matches(found)
        self._titles()

    def on_input_submitted(self) -> None:
        """Keep the filter and go back to what it filters."""
        self._leave_field()

    def _leave_field(self) -> None:
        self._field.display = False
        if self._filtering == "log":
            self._log.focus()
        elif self._tab == "list":
            self._list.focus()
        else:
            self._side_list.focus()

    # --- acting ----------------------------------------------------------------------------------

    def action_inspect(self) -> None:
        """Look at the selected step closely."""
        if self.board is not None and self.selected is not None:
            self.app.push_screen(InspectorScreen(self, self.selected))

    def action_why(self) -> None:
        """Say why the selected step is where it is."""
        if self.board is not None and self.selected is not None:
            self.app.push_screen(InspectorScreen(self, self.selected, section="overview"))

    @work
    async def action_retry(self, downstream: bool) -> None:
        """Run the selected step again, alone or with everything behind it."""
        if self.board is not None and self.selected is not None:
            await self.deck.acts.retry(self.board, self.selected, downstream=downstream)

    @work
    async def action_cancel_step(self) -> None:
        """Cancel the selected step."""
        if self.board is not None and self.selected is not None:
            await self.deck.acts.cancel_step(self.board, self.selected)

    @work
    async def action_cancel_run(self) -> None:
        """Cancel the execution."""
        if self.board is not None:
            await self.deck.acts.cancel_run(self.board.execution)

    @work
    async def action_pause(self) -> None:
        """Pause the execution, or let it go on."""
        board = self.board
        if board is not None:
            orphaned = board.is_orphaned(self.deck.clock.now())
            await self.deck.acts.pause(board.execution, orphaned=orphaned)

    @work
    async def action_approve(self) -> None:
        """Approve or reject what waits for it."""
        if self.board is not None and self.selected is not None:
            await self.deck.acts.approve(self.board, self.selected)

    def action_new_run(self) -> None:
        """Open the launch form with the parameters of this run."""
        execution = self.board.execution if self.board is not None else None
        if execution is None or execution.source_path is None:
            self.deck.complain("where the mission file is is not known: launch it from home")
        else:
            self.deck.open_launch(execution.source_path, execution.params)

    def action_validate(self) -> None:
        """Validate the mission file as it is now."""
        if self.board is not None and self.board.execution.source_path is not None:
            self.deck.validate(self.board.execution.source_path)

    def action_edit(self) -> None:
        """Open the mission file in the user's editor."""
        if self.board is not None and self.board.execution.source_path is not None:
            self.deck.edit(self.board.execution.source_path)

    def action_copy(self, form: str) -> None:
        """Copy what has the focus: the log, or the selected step."""
        if self.focused is self._log and self._log.query_shown is not None:
            self.deck.copy_log(self._log.query_shown, as_json=form == "json")
        elif self.board is not None and self._facts is not None:
            name = clean_line(self._facts.task.task_id)
            if form == "json":
                self.deck.copy(facts_json(self.board, self._facts), f"{name} as JSON")
            else:
                self.deck.copy(self._summary.plain, name)

    # --- events ----------------------------------------------------------------------------------

    @work(exclusive=True, group="events")
    async def _read_events(self) -> None:
        """Add the events that are not shown yet, a page at a time."""
        events, execution_id = self._events, self.execution_id
        while True:
            after = events.last_seq

            def read(reader: Reader, after: int = after) -> list[AuditEvent]:
                return reader.audit_events(
                    after_seq=after, execution_id=execution_id, limit=EVENT_PAGE
                )

            try:
                found = await self.deck.lookup.read(read)
            except MissionDeckError:
                return  # the feed meets the same failure and shows it
            events.extend(found)
            if len(found) < EVENT_PAGE:
                return
