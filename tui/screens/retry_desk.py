"""The retry desk: what of an ended run runs again, what is different this time, and why."""

import asyncio
import json
import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, Select, Static

from core.domain.mission import Mission, MissionStep
from core.domain.records import Execution, TaskRun
from core.errors import BugError, MissionDeckError, UsageError
from core.operations.amending.amendment import Wish
from tui.keys.textual_bindings import bindings
from tui.lines.inspector.retry_plan_lines import error_plan_lines, retry_plan_lines
from tui.live.coalescing_worker import CoalescingWorker
from tui.look.styled_text import Part
from tui.screens.deck_screen import DeckScreen
from tui.widgets.base.bar import Bar
from tui.widgets.base.choice_button import ChoiceButton
from tui.widgets.base.key_bar import KeyBar
from tui.widgets.base.param_field import ParamField
from tui.widgets.base.text_view import TextView
from tui.words.run_label import run_name
from tui.words.safe_text import clean_line

if TYPE_CHECKING:
    from core.operations.relaunch import RetryLinked

ALL, ALONE, DOWNSTREAM, SET = "all", "alone", "downstream", "set"
"""The scopes: all that did not succeed, one step, it and its downstream, or not to run it."""


class RetryDesk(DeckScreen):
    """Plans a retry of an ended execution; `task` is the step that it was opened for, if any."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("retry_desk")

    def __init__(
        self, execution: Execution, mission: Mission, task: TaskRun | None, *, scope: str = ALL
    ) -> None:
        super().__init__()
        self._execution = execution
        self._mission = mission
        self._opened_for = task
        self._content: bytes | None = None
        """The mission file as the user has edited it; None while it is the recorded one."""
        self._planned: RetryLinked | None = None
        self._planned_for: Mapping[str, Any] | str | None = None
        """What was entered when the plan shown was made; None while it is being made."""
        self._starting = False
        self._head = Bar(plain=True, id="head")
        self._plan = TextView(id="plan")
        self._form = VerticalScroll(id="form")
        self._scope: Select[str] = Select(
            [(Content(label), value) for value, label in self._scopes()],
            value=scope if task is not None else ALL,
            allow_blank=False,
            classes="form-field",
            compact=True,
        )
        params = [one for one in mission.params if not one.secret]
        self._params = [ParamField(one, execution.params.get(one.name)) for one in params]
        step = self._step
        timeout = None if step is None else step.timeout_seconds
        self._timeout = _input("" if timeout is None else f"{timeout:g}", "none: the mission's")
        env = {} if step is None else step.env
        self._env = _input(shlex.join(f"{k}={v}" for k, v in env.items()), "NAME=VALUE …")
        self._keys = _input("", "KEY=VALUE … such as parameters.args.0=-v")
        self._reason = _input("", "why, for the audit log")
        self._planner = CoalescingWorker(self._read_plan, self.run_worker)

    @property
    def _step(self) -> MissionStep | None:
        """The step of the mission that it was opened for; of an item the step that fanned out."""
        if self._opened_for is None:
            return None
        name = self._opened_for.parent_task_id or self._opened_for.task_id
        return next((one for one in self._mission.all_steps if one.id == name), None)

    def _scopes(self) -> list[tuple[str, str]]:
        found = [(ALL, "all that did not succeed")]
        if self._opened_for is not None:
            name = clean_line(self._opened_for.task_id)
            found += [
                (ALONE, f"{name} alone"),
                (DOWNSTREAM, f"{name} and everything downstream"),
            ]
            if self._opened_for.parent_task_id is None:
                found.append((SET, f"set {name} to success, do not run it"))
        return found

    def compose(self) -> ComposeResult:
        """Compose title, form, preview and keys."""
        yield self._head
        yield self.banner
        with Horizontal(id="launch"):
            with Vertical(id="form-pane"), self._form:
                yield from self._fields()
            with Vertical(id="plan-pane"):
                yield self._plan
        yield KeyBar()

    def _fields(self) -> ComposeResult:
        yield _label("Runs again")
        yield self._scope
        yield _label("Reason")
        yield self._reason
        for field in self._params:
            yield field.label
            yield field.widget
        step = self._step
        if step is not None:
            name = clean_line(step.id)
            yield _label(f"timeout of {name}")
            yield self._timeout
            yield _label(f"environment of {name}")
            yield self._env
            yield _label(f"other keys of {name}")
            yield self._keys
        yield ChoiceButton("Retry", variant="primary", id="retry-button")

    def on_mount(self) -> None:
        """Show what would run again."""
        name = clean_line(run_name(self._execution))
        self._head.set_parts(
            [Part(f" {name} ▸ ", style="faint", action="leave"), Part("retry ", style="strong")]
        )
        self.set_focus(self._scope)
        self._planner.request()

    # --- the plan --------------------------------------------------------------------------------

    def on_input_changed(self) -> None:
        """Plan anew while the user types."""
        self._planner.request()

    def on_select_changed(self) -> None:
        """Plan anew for another scope or value."""
        self._planner.request()

    async def _read_plan(self) -> None:
        self._planned = self._planned_for = None
        entered = self._entered()
        try:
            arguments = self._arguments()
            planned = await asyncio.to_thread(
                self.deck.backend.plan_retry, self._execution.execution_id, **arguments
            )
            verdicts = await asyncio.to_thread(self.deck.backend.retry_verdicts, planned)
        except BugError:
            raise
        except MissionDeckError as error:
            self._planned_for = entered
            self._plan.set_lines(error_plan_lines(error), keep_place=True)
            return
        self._planned, self._planned_for = planned, entered
        self._plan.set_lines(retry_plan_lines(planned, verdicts), keep_place=True)

    def _entered(self) -> Mapping[str, Any] | str:
        """Return what the form asks for, or why it cannot be read."""
        try:
            return self._arguments()
        except UsageError as error:
            return str(error)

    def _arguments(self) -> dict[str, Any]:
        """Return what the form asks for; `UsageError` for what cannot be read."""
        scope = self._scope.value
        name = () if self._opened_for is None else (self._opened_for.task_id,)
        wish = Wish(settings=self._settings(), params=self._changed_params(), content=self._content)
        return {
            "steps": name if scope in {ALONE, DOWNSTREAM} else (),
            "downstream": scope == DOWNSTREAM,
            "wish": None if wish.is_empty else wish,
            "set_success": name if scope == SET else (),
        }

    def _changed_params(self) -> Mapping[str, Any]:
        found: dict[str, Any] = {}
        for field in self._params:
            value, fits = field.check()
            if not fits:
                raise UsageError(f"the parameter `{field.param.name}` does not fit")
            if value is not None and value != self._execution.params.get(field.param.name):
                found[field.param.name] = value
        return found

    def _settings(self) -> list[str]:
        """Return what differs in the step, as `STEP.KEY=VALUE`."""
        step = self._step
        if step is None:
            return []
        found = []
        timeout = self._timeout.value.strip()
        before = "" if step.timeout_seconds is None else f"{step.timeout_seconds:g}"
        if timeout != before:
            found.append(f"{step.id}.timeout_seconds={timeout or 'null'}")
        env = dict(_pair(word) for word in _words(self._env.value))
        if env != dict(step.env):
            found.append(f"{step.id}.env={json.dumps(env)}")
        return found + [f"{step.id}.{word}" for word in _words(self._keys.value)]

    # --- acting ----------------------------------------------------------------------------------

    def on_button_pressed(self) -> None:
        """Start the retry."""
        self.action_start()

    @work
    async def action_start(self) -> None:
        """Start the retry as it is shown."""
        if self._starting:
            return
        if self._planned_for != self._entered():
            self._planner.request()
            self.show_banner("the plan on the right is being made anew: look at it, then retry")
            return
        if self._planned is None:
            self.show_banner("what is shown on the right is to be corrected first")
            return
        reason = self._reason.value.strip()
        if self._planned.order.set_by_hand and not reason:
            self.show_banner("give the reason why the step counts as a success")
            self.set_focus(self._reason)
            return
        self._starting = True
        try:
            execution_id = await asyncio.to_thread(
                self.deck.backend.start_retry, self._planned, reason
            )
        except BugError:
            raise
        except MissionDeckError as error:
            self._starting = False
            hint = f" ({error.hint})" if error.hint else ""
            self.show_banner(clean_line(f"not retried: {error.message}{hint}"))
            return
        self.dismiss()
        self.deck.open_execution(execution_id)

    @work
    async def action_edit(self) -> None:
        """Edit the whole mission for this retry in $VISUAL or $EDITOR."""
        digest = self._execution.mission_digest
        try:
            source = await self.deck.lookup.read(lambda reader: reader.mission_source(digest))
        except MissionDeckError as error:
            self.show_banner(clean_line(f"not edited: {error.message}"))
            return
        content = source.content if self._content is None else self._content
        edited = self.deck.edit_text(content.decode("utf-8", "replace"), f".{source.format}")
        if edited is not None:
            data = edited.encode("utf-8")
            self._content = None if data == source.content else data
            self._planner.request()

    def action_leave(self) -> None:
        """Return without a retry."""
        self.dismiss()


def _label(text: str) -> Widget:
    return Static(text, markup=False, classes="form-label")


def _input(value: str, placeholder: str) -> Input:
    return Input(value=value, placeholder=placeholder, classes="form-field", compact=True)


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise UsageError(f"`{text}` is not complete: {error}") from error


def _pair(word: str) -> tuple[str, str]:
    name, equals, value = word.partition("=")
    if not equals or not name:
        raise UsageError(f"`{word}` is not NAME=VALUE")
    return name, value
