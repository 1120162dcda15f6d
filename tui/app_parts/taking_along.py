"""What leaves the screen: the clipboard, files, pictures, and programs that take the terminal."""

from typing import TYPE_CHECKING

from textual import work

from tui.app_parts.deck_app import DeckApp
from tui.live.deck import deck_of

if TYPE_CHECKING:
    from core.operations.history.runnable_command import RunnableCommand
    from core.ports.reader import LogQuery


class TakingAlong(DeckApp):
    """The part that copies and saves, and runs editor, pager and shell."""

    def copy(self, text: str, what: str) -> None:
        """Copy to the terminal's clipboard (OSC 52); of a text that is too long, the end."""
        from tui.live.export import for_clipboard

        text, note = for_clipboard(text, what)
        self.copy_to_clipboard(text)
        self.show_notice(note)

    @work(exclusive=True, group="take")
    async def copy_log(self, query: "LogQuery", *, as_json: bool) -> None:
        """Copy a whole log, up to the limit of the clipboard."""
        from tui.live.export import copy_log

        await copy_log(deck_of(self), query, as_json=as_json)

    @work(exclusive=True, group="take")
    async def save_log(self, query: "LogQuery") -> None:
        """Write a whole log to a file in the export folder."""
        if self.refuses("save_log"):
            return
        from tui.live.export import save_log

        await save_log(deck_of(self), query)

    @work(exclusive=True, group="take")
    async def page_log(self, query: "LogQuery", line: int) -> None:
        """Open a whole log in the user's pager while the screen is suspended."""
        if self.refuses("page_log"):
            return
        from tui.terminal.pager import page_log

        await page_log(deck_of(self), query, line, self.suspend)

    def save_text(self, text: str, stem: str, suffix: str) -> None:
        """Write a text to a file in the export folder."""
        if self.refuses("save"):
            return
        from tui.live.export import save_text

        save_text(deck_of(self), text, stem, suffix)

    def action_picture(self) -> None:
        """Save the screen as an SVG picture."""
        from tui.look.svg_picture import tidy

        picture = tidy(self.export_screenshot(title="Mission Deck"))
        self.save_text(picture, "mission-deck", "svg")

    @work(exclusive=True, group="validate")
    async def validate(self, path: str) -> None:
        """Validate a mission file and report the findings."""
        from tui.live.validation import validate_mission

        await validate_mission(deck_of(self), path)

    def edit(self, path: str) -> None:
        """Open a file in $VISUAL or $EDITOR while the screen is suspended."""
        if self.refuses("edit"):
            return
        from tui.terminal.editor import edit_file

        edit_file(deck_of(self), path, self.suspend)

    def edit_text(self, text: str, suffix: str) -> str | None:
        """Let the user edit a text in $VISUAL or $EDITOR; None if that is not possible."""
        from tui.terminal.editor import edit_text

        return edit_text(deck_of(self), text, suffix, self.suspend)

    def open_shell(self, command: "RunnableCommand", name: str) -> None:
        """Open a shell in the folder of a step, with its environment, the screen suspended."""
        if self.refuses("open_shell"):
            return
        from tui.terminal.step_shell import open_shell

        open_shell(deck_of(self), command, name, self.suspend)
