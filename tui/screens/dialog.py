"""A confirmation dialog: its scope in words, with the safe choice focused."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Static

from core.domain.mission import Param
from core.errors import MissionDeckError
from core.value.terminal_text import width_of
from tui.keys.textual_bindings import bindings
from tui.live.coalescing_worker import CoalescingWorker
from tui.widgets.base.choice_button import ChoiceButton
from tui.widgets.base.key_bar import KeyBar
from tui.widgets.base.param_field import ParamField

UPDATE_SECONDS = 0.5
"""How often the text of an open dialog is updated."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The chosen value and the text of the input field."""

    choice: str
    text: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    """The values of the inputs that were asked for, as their types."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A button. `tone` is a Textual button variant: `error` for what cannot be undone.

    One that is not `enabled` shows what you may not do; one that `needs_inputs` is not chosen
    while a value does not fit.
    """

    value: str
    label: str
    tone: str = "default"
    enabled: bool = True
    needs_inputs: bool = False


class Dialog(ModalScreen[Answer | None]):
    """A question with a safe choice, which has the focus and is also what leaving it means.

    `live` gives the lines anew while the question stands.
    """

    BINDINGS: ClassVar[list[BindingType]] = bindings("dialog")

    def __init__(
        self,
        title: str,
        lines: Sequence[str],
        choices: Sequence[Choice],
        *,
        keep: str = "Keep",
        ask: str | None = None,
        inputs: Sequence[Param] = (),
        live: Callable[[], Awaitable[Sequence[str]]] | None = None,
    ) -> None:
        super().__init__()
        self._title = title
        self._texts = tuple(lines)
        self._choices = tuple(choices)
        self._keep = keep
        self._ask = ask
        self._fields = [ParamField(one, one.default) for one in inputs]
        self._live = live
        self._update_worker = CoalescingWorker(self._renew, self.run_worker)

    def compose(self) -> ComposeResult:
        """Title, scope in words, a field where something is asked, buttons."""
        with Vertical(id="dialog"):
            yield Static(self._title, markup=False, id="dialog-title")
            yield Static("\n".join(self._texts), markup=False, id="dialog-text")
            for asked in self._fields:
                yield asked.label
                yield asked.widget
            if self._ask is not None:
                yield Input(placeholder=self._ask, id="dialog-input", compact=True)
            with Horizontal(id="dialog-buttons"):
                yield ChoiceButton(self._keep, variant="primary", id="keep")
                for choice in self._choices:
                    yield ChoiceButton(
                        choice.label,
                        variant="error" if choice.tone == "error" else "default",
                        name=choice.value,
                        disabled=not choice.enabled,
                    )
        yield KeyBar()

    def on_mount(self) -> None:
        """Focus the safe choice."""
        self.query_one("#keep", Button).focus()
        if self._live is not None:
            self.set_interval(UPDATE_SECONDS, self._update_worker.request)

    async def _renew(self) -> None:
        """Update the text of the dialog."""
        if self._live is None:
            return
        try:
            lines = tuple(await self._live())
        except MissionDeckError:
            return  # the feed reports the same failure
        if lines != self._texts and self.is_attached:
            self._texts = lines
            self.query_one("#dialog-text", Static).update("\n".join(lines))

    def on_resize(self, event: events.Resize) -> None:
        """Put the choices one below the other where they do not fit side by side."""
        room = event.size.width - 12
        labels = [self._keep, *(choice.label for choice in self._choices)]
        self.set_class(sum(width_of(label) + 8 for label in labels) > room, "-stacked")

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Close with the choice, or with None for the safe one."""
        event.stop()
        if event.button.id == "keep":
            self.dismiss(None)
            return
        value = event.button.name or ""
        values: dict[str, Any] = {}
        if any(choice.needs_inputs for choice in self._choices if choice.value == value):
            checked = {one.param.name: one.check() for one in self._fields}
            wrong = [one for one in self._fields if not checked[one.param.name][1]]
            if wrong:
                wrong[0].widget.focus()
                return
            values = {name: found for name, (found, _) in checked.items() if found is not None}
        text = "" if self._ask is None else self.query_one("#dialog-input", Input).value.strip()
        self.dismiss(Answer(value, text, values))

    def on_input_submitted(self) -> None:
        """Move the focus from the field to the buttons."""
        self.focus_next()

    def action_dismiss_dialog(self) -> None:
        """Close without a choice."""
        self.dismiss(None)
