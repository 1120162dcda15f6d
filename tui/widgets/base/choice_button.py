"""A button whose focus is visible without colour."""

from textual.content import Content
from textual.widgets import Button


class ChoiceButton(Button):
    """Shows `▸` in front of its label while it has the focus."""

    def __init__(
        self,
        label: str,
        *,
        variant: str = "default",
        name: str | None = None,
        id: str | None = None,  # noqa: A002 - Textual's own name
        disabled: bool = False,
    ) -> None:
        super().__init__(_marked(label, " "), variant=variant, name=name, id=id, disabled=disabled)  # type: ignore[arg-type]  # one of Textual's literals
        self._text = label

    def on_focus(self) -> None:
        """Show the mark."""
        self.label = _marked(self._text, "▸")

    def on_blur(self) -> None:
        """Hide the mark."""
        self.label = _marked(self._text, " ")


def _marked(label: str, mark: str) -> Content:
    return Content(f"{mark} {label}  ")
