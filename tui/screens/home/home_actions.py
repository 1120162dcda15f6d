"""What the keys of home do to the mission or the execution under the cursor."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from textual import work

from core.domain.mission import EMPTY
from core.domain.states import ExecutionState, is_terminal
from core.errors import MissionDeckError
from tui.live.board import Board
from tui.live.execution_queries import read_board
from tui.screens.dialog import Choice, Dialog
from tui.screens.execution_actions import pause_label
from tui.screens.home.home_layout import HomeLayout
from tui.screens.home.marked_actions import MarkedActions
from tui.screens.home.wall_screen import WallScreen
from tui.search.home_page import Need
from tui.words.run_label import run_name
from tui.words.safe_text import clean_line

ON_EXECUTIONS = ("cancel_run", "pause", "approve", "rerun", "retry_failed", "look_at")
"""The actions on executions; not in the pane of missions."""


class HomeActions(HomeLayout):
    """Base of the home screen: launching, validating, editing, cancelling, pausing, copying."""

    _shown_actions: tuple[object, ...] = ()
    """The actions on offer when the key bar was last updated."""

    def offers(self, action: str) -> bool:
        """Offer what the state of the execution under the cursor allows."""
        row = self._execution_list.current_row
        if self._marked and action in ("cancel_run", "rerun", "retry_failed"):
            return True
        if row is None:
            return action not in ON_EXECUTIONS
        execution = row.execution
        if action == "approve":
            return bool(row.questions)
        if action == "look_at":
            return row.need is Need.FAILURE
        if action in ("cancel_run", "pause"):
            return not is_terminal(execution.state)
        if action == "retry_failed":
            return execution.state is ExecutionState.FAILED
        return is_terminal(execution.state) if action == "rerun" else True

    def label_of(self, action: str, label: str) -> str:
        """Label the pause key by what it does now."""
        row = self._execution_list.current_row
        if action != "pause" or row is None:
            return super().label_of(action, label)
        if row.place is not None:
            return "release" if row.place.is_held else "hold"
        return pause_label(row.execution)

    def _update_key_bar(self) -> None:
        """Update the key bar when other actions are on offer."""
        offered = (
            *(self.offers(action) for action in ON_EXECUTIONS),
            self.label_of("pause", ""),
        )
        if offered != self._shown_actions:
            self._shown_actions = offered
            self.refresh_bindings()

    def action_new_run(self) -> None:
        """Open the launch form for the mission, or with the parameters of the execution."""
        if self._pane == "missions":
            mission = self._mission_list.current
            if mission is not None:
                last = None if self._page is None else self._page.last.get(mission.name)
                params = EMPTY if last is None else last.params
                origin = "" if last is None else run_name(last)
                self.deck.open_launch(mission.path, params, origin=origin)
            return
        execution = self._execution_list.current
        if execution is None or execution.source_path is None:
            self.action_show_pane("missions")
        else:
            self.deck.open_launch(
                execution.source_path, execution.params, origin=run_name(execution)
            )

    @work
    async def action_init(self) -> None:
        """Write a new mission file from a template, and list it."""
        backend = self.deck.backend
        templates = await asyncio.to_thread(backend.templates)
        answer = await self.deck.push_screen_wait(
            Dialog(
                "New mission from a template",
                [f"{name}: {clean_line(shows)}" for name, shows in templates.items()],
                [Choice(name, name) for name in templates],
                ask="name of the file, such as nightly.yaml",
                keep="None",
            )
        )
        if answer is None:
            return
        try:
            path = await asyncio.to_thread(backend.new_mission, answer.choice, answer.text)
        except MissionDeckError as error:
            hint = f" ({error.hint})" if error.hint else ""
            self.deck.show_problem(clean_line(f"{error.message}{hint}"))
            return
        self.deck.show_problem("")
        self.deck.show_notice(clean_line(f"wrote {path}: o edits it, n launches it"))
        self._wanted_mission = path
        self.action_show_pane("missions")
        self.deck.discover()

    def action_validate(self) -> None:
        """Validate the mission file and report the findings."""
        mission = self._mission_list.current
        if mission is not None:
            self.deck.validate(mission.path)

    def action_edit(self) -> None:
        """Open the mission file in the user's editor."""
        mission, execution = self._mission_list.current, self._execution_list.current
        path = mission.path if mission is not None and self._pane == "missions" else None
        if self._pane == "executions" and execution is not None:
            path = execution.source_path
        if path is not None:
            self.deck.edit(path)

    def action_wall(self) -> None:
        """Show large numbers and what needs somebody, for a screen on the wall."""
        self.app.push_screen(WallScreen())

    def action_refresh(self) -> None:
        """Search for mission files again."""
        self.deck.discover()

    @work
    async def action_cancel_run(self) -> None:
        """Cancel the execution, or the marked ones, after confirmation."""
        if self._marked:
            await self._on_marked(self._many.cancel)
            return
        execution = self._execution_list.current
        if execution is None:
            return
        try:
            await self.deck.actions.cancel_run(partial(self._read_board, execution.execution_id))
        except MissionDeckError as error:
            self.deck.show_problem(clean_line(str(error)))

    @work
    async def action_pause(self) -> None:
        """Pause or resume the execution, after confirmation."""
        execution = self._execution_list.current
        if execution is None:
            return
        board = Board(execution, ())
        try:
            board.lease = await self.deck.lookup.read(
                lambda reader: reader.lease(execution.execution_id)
            )
        except MissionDeckError as error:
            self.deck.show_problem(clean_line(str(error)))
            return
        board.lease_known = True
        orphaned = board.is_orphaned(self.deck.clock.now())
        await self.deck.actions.pause(execution, orphaned=orphaned)

    @work
    async def action_rerun(self) -> None:
        """Run the mission of the execution again, or of the marked ones, after confirmation."""
        if self._marked:
            await self._on_marked(self._many.rerun)
            return
        execution = self._execution_list.current
        if execution is not None:
            await self.deck.actions.rerun(execution)

    @work
    async def action_retry_failed(self) -> None:
        """Retry all that failed in the execution, or in the marked ones, after confirmation."""
        execution = self._execution_list.current
        if self._marked:
            await self._on_marked(self._many.retry_failed)
        elif execution is not None:
            await self._many.retry_failed(frozenset({execution.execution_id}))

    @work
    async def action_approve(self) -> None:
        """Answer the question of the execution that waits for an approval."""
        row = self._execution_list.current_row
        if row is None or not row.questions:
            self.deck.show_problem("this run does not wait for an approval")
            return
        try:
            board = await self._read_board(row.execution.execution_id)
        except MissionDeckError as error:
            self.deck.show_problem(clean_line(str(error)))
            return
        await self.deck.actions.approve(board, row.questions[0].task_id)

    def action_mark(self) -> None:
        """Mark the execution under the cursor or unmark it, and go on to the next."""
        execution = self._execution_list.current
        if execution is not None:
            self.mark(self._marked ^ {execution.execution_id})
            self._execution_list.action_move(1)
            self._update_key_bar()

    def action_look_at(self) -> None:
        """Take note that the marked failures, or the one under the cursor, need nobody more."""
        execution = self._execution_list.current
        chosen = self._marked or ({execution.execution_id} if execution is not None else ())
        self.deck.look_at(chosen)
        self.mark(frozenset())
        self.look_again()

    def look_again(self) -> None:
        """Ask the feed anew."""

    @property
    def _many(self) -> MarkedActions:
        return MarkedActions(self.deck)

    async def _on_marked(self, act: Callable[[frozenset[str]], Awaitable[bool]]) -> None:
        """Act on what is marked; what an action was done to is marked no more."""
        if await act(self._marked):
            self.mark(frozenset())
            self._update_key_bar()

    async def _read_board(self, execution_id: str) -> Board:
        lookup, backend = self.deck.lookup, self.deck.backend
        return await lookup.read(lambda reader: read_board(reader, backend, execution_id))

    def action_compare(self) -> None:
        """Compare the two marked executions, or the one under the cursor with the last success."""
        from tui.screens.report.comparison_screen import ComparisonScreen

        current = self._execution_list.current
        if len(self._marked) == 2:
            before, after = sorted(self._marked)  # ids are in the order of their creation
            self.app.push_screen(ComparisonScreen(after, before))
        elif current is not None:
            self.app.push_screen(ComparisonScreen(current.execution_id))

    def action_history(self) -> None:
        """Show the history of the mission under the cursor, or of the execution's."""
        from tui.screens.report.history_screen import HistoryScreen

        mission, execution = self._mission_list.current, self._execution_list.current
        if self._pane == "missions" and mission is not None:
            self.app.push_screen(HistoryScreen(mission.name))
        elif self._pane == "executions" and execution is not None:
            self.app.push_screen(HistoryScreen(execution.mission_name))

    def action_copy(self) -> None:
        """Copy the path of the mission file or the id of the execution."""
        mission, execution = self._mission_list.current, self._execution_list.current
        if self._pane == "missions" and mission is not None:
            self.deck.copy(mission.path, "the path")
        elif self._pane == "executions" and execution is not None:
            self.deck.copy(execution.execution_id, "the execution's id")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002 - Textual's own
        """Enable only what works in the focused pane."""
        if action in (*ON_EXECUTIONS, "sort", "unfold", "mark", "compare"):
            return self._pane == "executions"
        return self._pane == "missions" if action == "validate" else True
