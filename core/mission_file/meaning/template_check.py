"""Checks every template of a mission: its syntax, its references, and the type of conditions."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from core.domain.mission import Concurrency, Param, Precondition, Repeat
from core.expression.evaluate import check_syntax
from core.expression.template import (
    TemplateSyntaxError,
    as_template,
    has_template,
    read_template,
)
from core.graph.dag import Graph
from core.mission_file.finding.code import Code
from core.mission_file.finding.foreign_key import expression_hint
from core.mission_file.finding.problem import Path, Problems
from core.mission_file.finding.value_check import INVALID
from core.mission_file.keys.top_level import Draft
from core.mission_file.meaning.condition_type import ConditionCheck, boolean_parameters
from core.mission_file.meaning.prescan import walk_texts
from core.mission_file.meaning.reference_check import ReferenceCheck, TemplateLocation
from core.step_type.registry import EXPRESSIONS, RAW_PARAMETERS, Expression, normalise_type

_HOW_TO_KEEP = "to keep it literally, write {% raw %}{{ ... }}{% endraw %}"

_AUTHORED = (
    *("id", "step_type", "parameters", "env", "when", "working_dir", "secrets", "artifacts"),
    *("preconditions", "repeat", "inputs", "outputs", "name", "mutex", "env_files"),
)
"""The fields of a handler whose templates are checked, or that say what templates may name."""


class TemplateCheck:
    """Checks every template of a draft. `graph` is None when the steps form no graph."""

    def __init__(self, draft: Draft, graph: Graph | None, problems: Problems) -> None:
        self._problems = problems
        self._references = ReferenceCheck(draft, graph, problems)
        self._draft = draft
        self._conditions = ConditionCheck(draft, problems)

    def check(self) -> None:
        """Report everything that is wrong with the templates of the mission."""
        draft = self._draft
        for key in ("name", "description", "variables", "params", "labels", "env_files"):
            self._warn_unresolved(draft.fields.get(key), (key,))
        env = draft.fields.get("env")
        if env is not None and env is not INVALID:
            self._check_value(
                env, ("env",), TemplateLocation(step=None, number=None, fans_out=False)
            )
        concurrency = draft.fields.get("concurrency")
        if isinstance(concurrency, Concurrency):
            before = TemplateLocation(step=None, number=None, fans_out=False)
            self._check_value(concurrency.group, ("concurrency", "group"), before)
        found = draft.fields.get("preconditions")
        if found is not None and found is not INVALID:
            before = TemplateLocation(step=None, number=None, fans_out=False)
            self._check_preconditions(found, (), before)
        for number, raw in enumerate(draft.raw_steps):
            if raw.__class__ is dict:
                self._check_step(raw, number, ("steps", number))
        for placed in draft.handlers:
            step = placed.step
            authored = {key: getattr(step, key) for key in _AUTHORED}
            self._check_step(authored, None, placed.path)

    def _check_step(self, raw: Mapping[str, Any], number: int | None, path: Path) -> None:
        name = str(raw.get("id"))
        fans_out = raw.get("foreach") is not None or raw.get("matrix") is not None
        step_type = normalise_type(str(raw.get("step_type")))
        secrets = raw.get("secrets")
        location = TemplateLocation(
            step=name,
            number=number,
            fans_out=fans_out,
            path=path,
            step_type=step_type,
            secrets=secrets if isinstance(secrets, list | tuple) else (),
            matrix=raw.get("matrix"),
        )
        for key in ("name", "mutex", "env_files"):
            self._warn_unresolved(raw.get(key), (*path, key))
        for key in ("foreach", "matrix"):
            self._check_value(
                raw.get(key),
                (*path, key),
                TemplateLocation(step=name, number=number, fans_out=False),
            )
        expressions = EXPRESSIONS.get(step_type)
        parameters = raw.get("parameters")
        if expressions and isinstance(parameters, Mapping):
            for key, wanted in expressions.items():
                self._check_expressions(
                    parameters.get(key),
                    (*path, "parameters", key),
                    location,
                    is_condition=wanted is Expression.CONDITION,
                )
            rest = {key: value for key, value in parameters.items() if key not in expressions}
            self._check_value(rest, (*path, "parameters"), location)
        elif step_type in RAW_PARAMETERS and isinstance(parameters, Mapping):
            own = {
                key: parameters[key] for key in parameters if key not in RAW_PARAMETERS[step_type]
            }
            self._check_value(own, (*path, "parameters"), location)
        else:
            self._check_value(parameters, (*path, "parameters"), location)
            self._check_booleans(raw, (*path, "parameters"))
        for key in ("env", "working_dir", "artifacts", "ready", "inputs", "outputs"):
            self._check_value(raw.get(key), (*path, key), location)
        self._check_shapes(raw, path, location)
        when = raw.get("when")
        if when.__class__ is str and when.strip():
            self._check_condition(when, (*path, "when"), location)

    def _check_shapes(self, raw: Mapping[str, Any], path: Path, location: TemplateLocation) -> None:
        """Check the expressions of `preconditions` and `repeat`."""
        self._check_preconditions(raw.get("preconditions"), path, location)
        repeat = raw.get("repeat")
        until = repeat.until if isinstance(repeat, Repeat) else None
        if repeat.__class__ is dict:
            until = repeat.get("until")
        if until.__class__ is str and until.strip():
            self._check_condition(until, (*path, "repeat", "until"), location.within_repeat())

    def _check_preconditions(self, found: Any, path: Path, location: TemplateLocation) -> None:
        """Check expressions, whether they are still as they were written or not."""
        listed = enumerate(found) if isinstance(found, list | tuple) else ((None, found),)
        for number, one in listed:
            text = one.expression if isinstance(one, Precondition) else one
            if text.__class__ is str and text.strip():
                where = (
                    (*path, "preconditions") if number is None else (*path, "preconditions", number)
                )
                self._check_condition(text, where, location)

    def _check_value(self, value: Any, path: Path, location: TemplateLocation) -> None:
        if value is None:
            return
        for text, where, _ in walk_texts(value, path):
            if has_template(text):
                self._check_text(text, where, location, whole=False)

    def _check_booleans(self, raw: Mapping[str, Any], path: Path) -> None:
        """Check templates that are given where a step type wants true or false."""
        parameters = raw.get("parameters")
        if parameters.__class__ is not dict:
            return
        for key, value in parameters.items():
            if value.__class__ is not str or not value.strip().startswith("{{"):
                continue
            if key in boolean_parameters(str(raw.get("step_type"))):
                with suppress(TemplateSyntaxError):  # already reported
                    self._conditions.check(as_template(value), (*path, key))

    def _check_expressions(
        self, value: Any, path: Path, location: TemplateLocation, *, is_condition: bool
    ) -> None:
        """Check one expression or a list of them; anything else is left to the model."""
        if value.__class__ is str and is_condition:
            self._check_condition(value, path, location)
        elif value.__class__ is str:
            self._check_text(value, path, location, whole=True)
        elif value.__class__ is list:
            for number, item in enumerate(value):
                self._check_expressions(item, (*path, number), location, is_condition=is_condition)

    def _check_condition(self, text: str, path: Path, location: TemplateLocation) -> None:
        """Check an expression that is to be true or false."""
        if self._check_text(text, path, location, whole=True):
            self._conditions.check(text, path)

    def _warn_unresolved(self, value: Any, path: Path) -> None:
        if value.__class__ is tuple:  # already checked
            of_params = {one.name: {"default": one.default} for one in value if type(one) is Param}
            value = of_params or list(value)
        if value is None or value is INVALID:
            return
        for text, where, _ in walk_texts(value, path):
            if has_template(text):
                self._problems.warn(
                    Code.TEMPLATE_NOT_ALLOWED,
                    "this template is not resolved: the text is used as it is written",
                    where,
                    hint="templates are resolved in parameters, env, working_dir, artifacts,"
                    " inputs, outputs, when, foreach, matrix and concurrency.group",
                )

    def _check_text(
        self, text: str, path: Path, location: TemplateLocation, *, whole: bool
    ) -> bool:
        """Check a text with templates, or a `whole` expression; tell whether it can be read."""
        try:
            if whole:
                text = as_template(text)
            template = read_template(text)
            check_syntax(text)
        except TemplateSyntaxError as error:
            hint = expression_hint(text) or error.hint or (None if whole else _HOW_TO_KEEP)
            self._problems.error(Code.TEMPLATE_SYNTAX, f"template: {error}", path, hint=hint)
            return False
        for reference, follower in template.names:
            self._references.check(reference, follower, path, location)
        if "${{" in text and "raw" not in text:
            self._problems.warn(
                Code.NOT_EXPANDED,
                "the `$` in front of `{{` stays in the text",
                path,
                hint=f"{expression_hint(text)}; one that is meant is written {{{{ '$' }}}}",
                needle="${{",
            )
        return True
