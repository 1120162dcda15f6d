"""A field for one typed input: its title line, which shows problems, and the widget for it."""

from typing import Any

from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, Select, Static

from core.domain.mission import Param, ParamType
from core.errors import UsageError
from core.mission_file.keys.param_values import convert
from core.operations.secret_input import check_secret_value
from tui.words.safe_text import clean_line


class ParamField:
    """An input, its widget and its title; `value` is what the widget begins with."""

    def __init__(self, param: Param, value: Any) -> None:
        self.param = param
        kind = f"{param.type.value}" + (", secret" if param.secret else "")
        about = f"  {clean_line(param.description)}" if param.description else ""
        self._title = f"{clean_line(param.name)}{' *' if param.required else ''}  ({kind}){about}"
        self._problem = ""
        self.label = Static(Content(self._title), markup=False, classes="form-label")
        self.widget = _widget(param, value)

    def check(self) -> tuple[Any, bool]:
        """Return the value as its type, None without one, and whether it fits; show what is wrong.

        Without a value the default of the input counts.
        """
        given, value, problem = _value_of(self.widget), None, ""
        if given is None:
            if self.param.required and self.param.default is None:
                problem = "is required"
        else:
            try:
                value = _checked(self.param, given)
            except ValueError as error:
                problem = str(error)
            except UsageError as error:
                problem = error.message
        self._show_problem(clean_line(problem))
        return value, not problem

    def _show_problem(self, problem: str) -> None:
        """Show a problem after the name; an empty text removes it."""
        if problem != self._problem:
            self._problem = problem
            wrong = (f"  ✗ {problem}", "bold $error") if problem else ""
            self.label.update(Content.assemble(self._title, wrong))


def _widget(param: Param, value: Any) -> Widget:
    choices = ("true", "false") if param.type is ParamType.BOOLEAN else param.choices
    if not choices:
        return Input(
            value="" if value is None else str(value),
            password=param.secret,
            placeholder=param.pattern or param.type.value,
            classes="form-field",
            compact=True,
        )
    texts = [str(choice) for choice in choices]
    given = "" if value is None else str(value)
    chosen = given.lower() if param.type is ParamType.BOOLEAN else given
    return Select(
        [(Content(clean_line(text)), text) for text in texts],
        value=chosen if chosen in texts else Select.NULL,
        allow_blank=chosen not in texts,
        classes="form-field",
        compact=True,
    )


def _checked(param: Param, given: Any) -> Any:
    """Return a value as the type of its input; `ValueError` or `UsageError` if it does not fit."""
    if not param.secret:
        return convert(param, given)
    check_secret_value(param, given)
    return given


def _value_of(field: Widget) -> Any:
    if isinstance(field, Select):
        return None if field.value is Select.NULL else field.value
    if isinstance(field, Input):
        return field.value if field.value != "" else None
    return None
