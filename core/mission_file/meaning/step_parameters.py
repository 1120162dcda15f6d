"""Validates step parameters against the models of their types, before anything runs.

Values with templates are left to the engine, which checks again after resolving them.
"""

from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from core.errors import MissionDeckError
from core.expression.template import has_template
from core.mission_file.finding.code import Code
from core.mission_file.finding.problem import Path, Problems
from core.mission_file.finding.value_check import suggest
from core.step_type.registry import step_type


class ParameterCheck:
    """Checks parameters; `may_template` False promises that no text of the file has a template."""

    def __init__(self, problems: Problems, *, may_template: bool) -> None:
        self._problems = problems
        self._may_template = may_template
        self._models: dict[str, type[BaseModel] | None] = {}

    def check(self, type_name: str, parameters: dict[str, Any], path: Path, name: str) -> None:
        """Check the parameters of step `name`, whose mapping is at `path`."""
        if type_name not in self._models:
            self._models[type_name] = self._model(type_name, path)
        model = self._models[type_name]
        if model is None:
            return
        templated: frozenset[str] = frozenset()
        if self._may_template:
            templated = frozenset(key for key, value in parameters.items() if has_template(value))
            if templated:
                parameters = {key: v for key, v in parameters.items() if key not in templated}
        try:
            model.__pydantic_validator__.validate_python(parameters)
        except ValidationError as error:
            for detail in error.errors(include_url=False, include_context=False):
                self._report(detail, type_name, model, templated, path, name)

    def _model(self, type_name: str, path: Path) -> type[BaseModel] | None:
        try:
            kind = step_type(type_name)
        except MissionDeckError as error:
            self._problems.error(
                Code.BROKEN_STEP_TYPE, error.message, (*path[:-1], "step_type"), hint=error.hint
            )
            return None
        return kind.parameters if kind is not None else None

    def _report(
        self,
        detail: ErrorDetails,
        type_name: str,
        model: type[BaseModel],
        templated: frozenset[str],
        path: Path,
        name: str,
    ) -> None:
        where = detail["loc"]
        key = str(where[0]) if where else ""
        if key in templated or (templated and not where):
            return  # decided when the template has been resolved
        kind = detail["type"]
        if kind == "missing" and len(where) == 1:
            self._problems.error(
                Code.MISSING_PARAMETER,
                f"step `{name}` ({type_name}) has no parameter `{key}`",
                path,
                on_key=True,
                hint=_purpose(model, key),
            )
        elif kind == "extra_forbidden" and len(where) == 1:
            names = [field.alias or known for known, field in model.model_fields.items()]
            self._problems.error(
                Code.UNKNOWN_PARAMETER,
                f"{type_name} has no parameter `{key}`",
                (*path, key),
                on_key=True,
                hint=suggest(key, names) or f"its parameters are: {', '.join(names) or 'none'}",
            )
        elif kind == "extra_forbidden":
            *outer, inner = where
            self._problems.error(
                Code.UNKNOWN_PARAMETER,
                f"unknown key `{inner}` in `{'.'.join(map(str, outer))}` of {type_name}",
                (*path, *where),
                on_key=True,
                hint=_purpose(model, key),
            )
        else:
            message = detail["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
            subject = f"parameter `{'.'.join(map(str, where))}`" if where else "the parameters"
            self._problems.error(
                Code.BAD_PARAMETER,
                f"{subject} of {type_name}: {message[:1].lower()}{message[1:]}",
                (*path, *where),
                hint=_purpose(model, key),
            )


def _purpose(model: type[BaseModel], key: str) -> str | None:
    for known, field in model.model_fields.items():
        if key in (known, field.alias) and field.description:
            return f"`{key}`: {field.description}"
    return None
