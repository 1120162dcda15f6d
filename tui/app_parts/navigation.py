"""Which screen is on top: opening and leaving executions, forms, help and the audit log."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tui.app_parts.deck_app import DeckApp
from tui.screens.deck_screen import DeckScreen

if TYPE_CHECKING:
    from core.domain.mission import Mission
    from core.domain.records import Execution, TaskRun


class Navigation(DeckApp):
    """The part that opens screens. `alone` exits with an execution instead of returning home."""

    def __init__(self) -> None:
        super().__init__()
        self._alone = False

    def open_execution(self, execution_id: str, *, focus_step: str | None = None) -> None:
        """Show an execution on top of home, with one of its steps selected."""
        from tui.screens.execution import ExecutionScreen

        self.problem = ""
        self._home.expect(execution_id)
        self._above_home(ExecutionScreen(execution_id, focus_step=focus_step))

    def open_above(self, execution_id: str, *, focus_step: str | None = None) -> None:
        """Show an execution on top of what is shown, which its back key returns to."""
        from tui.screens.execution import ExecutionScreen

        self.problem = ""
        self.push_screen(ExecutionScreen(execution_id, focus_step=focus_step))

    def open_sub_mission(self, execution_id: str, *, focus_step: str | None = None) -> None:
        """Show the graph of a sub-mission on top of the execution that it is a part of."""
        from tui.screens.execution import ExecutionScreen

        self.push_screen(ExecutionScreen(execution_id, focus_step=focus_step, tab="graph"))

    def leave_to_origin(self) -> bool:
        """Return from an execution to the screen it was opened above, unless that is home."""
        if self.screen_stack[-2] is self._home:
            return False
        self.pop_screen()
        return True

    def open_launch(
        self, path: str, params: Mapping[str, Any] | None = None, *, origin: str = ""
    ) -> None:
        """Show the launch form of a mission; `origin` names the run that `params` are from."""
        if self.refuses("launch"):
            return
        from tui.screens.launch import LaunchScreen

        self.push_screen(LaunchScreen(path, params or {}, origin))

    def open_retry_desk(
        self, execution: "Execution", mission: "Mission", task: "TaskRun | None"
    ) -> None:
        """Show the retry desk of an ended execution, for one of its steps if there is one."""
        from tui.screens.retry_desk import RetryDesk

        self.push_screen(RetryDesk(execution, mission, task))

    def leave_execution(self) -> None:
        """Return home from an execution; exit if it was opened alone."""
        if self._alone:
            self.exit()
        else:
            self.go_home()

    def go_home(self) -> None:
        """Close all screens above home."""
        while self.screen is not self._home:
            self.pop_screen()

    def _above_home(self, screen: DeckScreen) -> None:
        self.go_home()
        self.push_screen(screen)

    def action_help(self) -> None:
        """Show the keys of the current screen."""
        from tui.screens.help import HelpScreen, help_entries

        if isinstance(self.screen, HelpScreen):
            return
        screen = self.screen
        filters = screen.filter_help if isinstance(screen, DeckScreen) else ()
        self.push_screen(HelpScreen(help_entries(screen, self.get_key_display), filters))

    def action_audit(self) -> None:
        """Show the audit log, on top of whatever is shown."""
        from tui.screens.audit.audit_screen import AuditScreen

        if not self.is_ready or any(isinstance(one, AuditScreen) for one in self.screen_stack):
            return
        if isinstance(self.screen, DeckScreen):
            self.push_screen(AuditScreen())
