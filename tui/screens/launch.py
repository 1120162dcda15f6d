"""The launch form: a field for every parameter, checked as it is filled in, and the plan."""

import asyncio
from collections.abc import Mapping
from typing import Any, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widget import Widget
from textual.widgets import Static

from core.domain.mission import Mission
from core.domain.state_word import counted
from core.errors import BugError, MissionDeckError
from tui.keys.textual_bindings import bindings
from tui.lines.mission_plan import plan_lines
from tui.live.backend import LaunchOptions, Preview
from tui.look.styled_text import Part
from tui.screens.deck_screen import DeckScreen
from tui.widgets.base.bar import Bar
from tui.widgets.base.choice_button import ChoiceButton
from tui.widgets.base.key_bar import KeyBar
from tui.widgets.base.param_field import ParamField
from tui.widgets.base.text_view import TextView
from tui.words.safe_text import clean_line

JUDGE_SECONDS = 0.2
"""How long inputs stay as they are before safety and policies are asked about them."""


class LaunchScreen(DeckScreen):
    """Asks for the parameters of one mission and launches it."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("form")

    def __init__(self, path: str, given: Mapping[str, Any], origin: str = "") -> None:
        super().__init__()
        self._path = path
        self._given = given
        self._origin = origin
        """The run that the given values are from; empty for none."""
        self._mission: Mission | None = None
        self._fields: dict[str, ParamField] = {}
        self._launching = False
        self._told_wrong = 0
        """How many fields the banner calls wrong."""
        self._preview: Preview | None = None
        self._head = Bar(plain=True, id="head")
        self._form_title = Bar(id="form-title")
        self._form = VerticalScroll(id="form")
        self._plan_title = Bar(id="plan-title")
        self._plan = TextView(id="plan")

    def compose(self) -> ComposeResult:
        """Title, form, plan, keys."""
        yield self._head
        yield self.banner
        with Horizontal(id="launch"):
            with Vertical(id="form-pane"):
                yield self._form_title
                yield self._form
            with Vertical(id="plan-pane"):
                yield self._plan_title
                yield self._plan
        yield KeyBar()

    def on_mount(self) -> None:
        """Read the mission."""
        self._head.set_parts(
            [Part(" missions ▸ ", style="faint", action="leave"), Part("launch ", style="strong")],
            [Part(f" {clean_line(self._path)} ", style="faint", rank=1)],
        )
        self._form_title.set_parts([Part(" reading … ", style="muted")])
        self._read()

    @work
    async def _read(self) -> None:
        try:
            preview = await asyncio.to_thread(self.deck.backend.preview, self._path)
        except BugError:
            raise
        except MissionDeckError as error:
            self.show_banner(clean_line(error.message))
            return
        await self._show(preview)

    async def _show(self, preview: Preview) -> None:
        mission = self._mission = preview.mission
        self._preview = preview
        self._plan.set_lines(plan_lines(preview))
        errors = sum(finding.severity == "error" for finding in preview.findings)
        if mission is None:
            self._form_title.set_parts(
                [Part(f" invalid: {counted(errors, 'error')} ", style="bad")]
            )
            await self._form.mount(
                Static(
                    "This mission does not validate, so it cannot be launched.\n"
                    "The findings say where and why. Press esc to go back.",
                    markup=False,
                    classes="form-note",
                )
            )
            self.set_focus(self._plan)
            return
        self._title(mission)
        self._plan_title.set_parts(
            [Part(" Plan ", style="strong"), Part("in order ", style="muted", rank=1)]
        )
        widgets: list[Widget] = []
        if mission.description:
            widgets.append(
                Static(clean_line(mission.description), markup=False, classes="form-note")
            )
        for param in mission.params:
            field = ParamField(param, self._given.get(param.name, param.default))
            self._fields[param.name] = field
            widgets += [field.label, field.widget]
        if not mission.params:
            widgets.append(
                Static("This mission takes no parameters.", markup=False, classes="form-note")
            )
        launch = ChoiceButton("Launch", variant="primary", id="launch-button")
        widgets.append(launch)
        await self._form.mount(*widgets)
        first = next((field.widget for field in self._fields.values()), launch)
        self.set_focus(first)
        self._check()

    def _title(self, mission: Mission) -> None:
        limit = mission.config.parallel_limit
        self._form_title.set_parts(
            [Part(f" {clean_line(mission.name)} ", style="strong"), *self._origin_part(mission)],
            [
                Part(
                    f" {counted(len(mission.steps), 'step')}, {limit} at once ",
                    style="muted",
                    rank=1,
                )
            ],
        )

    def _origin_part(self, mission: Mission) -> list[Part]:
        known = {param.name for param in mission.params}
        if not self._origin or not known & set(self._given):
            return []
        return [Part(f"with the values of {clean_line(self._origin)} ", style="muted", rank=2)]

    # --- checking --------------------------------------------------------------------------------

    def on_input_changed(self) -> None:
        """Check while the user types."""
        self._check()

    def on_select_changed(self) -> None:
        """Check the chosen value."""
        self._check()

    def on_input_submitted(self) -> None:
        """Enter goes to the next field, and at last to the button."""
        self.focus_next()

    def _check(self) -> tuple[dict[str, Any], int]:
        """Mark every wrong field; return the values and how many are wrong."""
        values: dict[str, Any] = {}
        wrong = 0
        for name, field in self._fields.items():
            value, fits = field.check()
            wrong += not fits
            if value is not None:
                values[name] = value
        if self._told_wrong not in (0, wrong):
            self._told_wrong = wrong
            self._tell_wrong()
        secret = {name for name, field in self._fields.items() if field.param.secret}
        self._judge({name: one for name, one in values.items() if name not in secret})
        return values, wrong

    def _tell_wrong(self) -> None:
        """Say how many fields are wrong, once a launch was refused for them."""
        fields = counted(self._told_wrong, "field")
        self.show_banner(
            f"{fields} to correct before it can be launched" if self._told_wrong else ""
        )

    @work(exclusive=True, group="verdicts")
    async def _judge(self, values: Mapping[str, Any]) -> None:
        """Show below the steps what safety and policies say of them with these values."""
        await asyncio.sleep(JUDGE_SECONDS)  # while somebody types, this is cancelled and begun anew
        try:
            verdicts = await asyncio.to_thread(self.deck.backend.verdicts, self._path, values)
        except BugError:
            raise
        except MissionDeckError as error:
            self.show_banner(clean_line(f"it cannot be launched: {error.message}"))
            return
        if self._preview is not None:
            self._plan.set_lines(plan_lines(self._preview, verdicts), keep_place=True)

    # --- leaving ---------------------------------------------------------------------------------

    def on_button_pressed(self) -> None:
        """Launch."""
        self.action_launch()

    def action_leave(self) -> None:
        """Go back without a run."""
        self.dismiss()

    @work
    async def action_launch(self) -> None:
        """Launch with the given parameters, unless one is invalid."""
        if self._mission is None or self._launching:
            return
        values, wrong = self._check()
        if wrong:
            self._told_wrong = wrong
            self._tell_wrong()
            first = next(field for field in self._fields.values() if not field.check()[1])
            self.set_focus(first.widget)
            return
        self._launching = True
        self.show_banner("")
        self._form_title.set_parts([Part(" launching … ", style="accent")])
        try:
            execution_id = await asyncio.to_thread(
                self.deck.backend.launch, self._path, values, LaunchOptions()
            )
        except BugError:
            raise
        except MissionDeckError as error:
            self._launching = False
            self._title(self._mission)
            hint = f" ({error.hint})" if error.hint else ""
            self.show_banner(clean_line(f"not launched: {error.message}{hint}"))
            return
        self.dismiss()
        self.deck.open_execution(execution_id)
