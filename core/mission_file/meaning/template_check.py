"""Templates of a mission: that they can be read, and that what they refer to will be there."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from core.expression.evaluate import check_syntax
from core.expression.template import (
    Reference,
    TemplateSyntaxError,
    as_template,
    has_template,
    read_template,
)
from core.graph.dag import Graph
from core.machine.environment import FAILED, OUTCOME_NAMES, is_denied
from core.mission_file.finding.code import Code
from core.mission_file.finding.problem import Path, Problems
from core.mission_file.finding.value_check import INVALID, suggest
from core.mission_file.keys.not_yet import NOT_YET
from core.mission_file.keys.top_level import Draft
from core.mission_file.meaning.condition_type import ConditionCheck, boolean_parameters
from core.mission_file.meaning.prescan import walk_texts
from core.step_type.registry import EXPRESSIONS, Expression, normalise_type
from core.value.secret_name import is_secret_name

ROOTS = (
    *("params", "vars", "env", "steps", "execution", "timestamp", "secrets"),
    *("item", "index", "matrix"),
)
HANDLER_ROOTS = (*ROOTS, FAILED)
EXECUTION_NAMES = ("id", "mission", "workflow_id", "started_at", "actor")
STEP_NAMES = ("output", "state", "error")
_LITERALLY = "to keep it literally, write {% raw %}{{ ... }}{% endraw %}"


class ReferenceCheck:
    """Checks every template of a draft. `graph` is None when the steps form no graph."""

    def __init__(self, draft: Draft, graph: Graph | None, problems: Problems) -> None:
        self._problems = problems
        self._graph = graph
        self._ids: dict[str, int] = {}
        for number, raw in enumerate(draft.raw_steps):
            if raw.__class__ is dict and raw.get("id").__class__ is str:
                self._ids.setdefault(raw["id"], number)
        for placed in draft.handlers:
            self._ids.setdefault(placed.step.id, -1)
        params = draft.fields.get("params", ())
        self._params = None if params is INVALID else {param.name for param in params}
        self._variables = _variables(draft)
        self._secrets = draft.fields.get("secrets", ())
        self._draft = draft
        self._conditions = ConditionCheck(draft, problems)

    def check(self) -> None:
        """Take note of everything that is wrong with the templates of the mission."""
        draft = self._draft
        for key in ("name", "description", "variables", "params"):
            self._warn_unresolved(draft.fields.get(key), (key,))
        env = draft.fields.get("env")
        if env is not None and env is not INVALID:
            self._check_value(env, ("env",), _Place(step=None, number=None, fans_out=False))
        for number, raw in enumerate(draft.raw_steps):
            if raw.__class__ is dict:
                self._check_step(raw, number, ("steps", number))
        for placed in draft.handlers:
            step = placed.step
            authored = {
                key: getattr(step, key)
                for key in ("id", "step_type", "parameters", "env", "when", "working_dir")
            }
            self._check_step(authored, None, placed.path)

    def _check_step(self, raw: Mapping[str, Any], number: int | None, path: Path) -> None:
        name = str(raw.get("id"))
        fans_out = raw.get("foreach") is not None or raw.get("matrix") is not None
        place = _Place(step=name, number=number, fans_out=fans_out)
        self._warn_unresolved(raw.get("name"), (*path, "name"))
        for key in ("foreach", "matrix"):
            self._check_value(
                raw.get(key), (*path, key), _Place(step=name, number=number, fans_out=False)
            )
        expressions = EXPRESSIONS.get(normalise_type(str(raw.get("step_type"))))
        parameters = raw.get("parameters")
        if expressions and isinstance(parameters, Mapping):
            for key, wanted in expressions.items():
                self._check_expressions(
                    parameters.get(key),
                    (*path, "parameters", key),
                    place,
                    is_condition=wanted is Expression.CONDITION,
                )
            rest = {key: value for key, value in parameters.items() if key not in expressions}
            self._check_value(rest, (*path, "parameters"), place)
        else:
            self._check_value(parameters, (*path, "parameters"), place)
            self._check_booleans(raw, (*path, "parameters"))
        for key in ("env", "working_dir"):
            self._check_value(raw.get(key), (*path, key), place)
        when = raw.get("when")
        if when.__class__ is str and when.strip():
            self._check_condition(when, (*path, "when"), place)

    def _check_value(self, value: Any, path: Path, place: "_Place") -> None:
        if value is None:
            return
        for text, where, _ in walk_texts(value, path):
            if has_template(text):
                self._check_text(text, where, place, whole=False)

    def _check_booleans(self, raw: Mapping[str, Any], path: Path) -> None:
        """Check templates that are given where a step type wants true or false."""
        parameters = raw.get("parameters")
        if parameters.__class__ is not dict:
            return
        for key, value in parameters.items():
            if value.__class__ is not str or not value.strip().startswith("{{"):
                continue
            if key in boolean_parameters(str(raw.get("step_type"))):
                with suppress(TemplateSyntaxError):  # told before
                    self._conditions.check(as_template(value), (*path, key))

    def _check_expressions(
        self, value: Any, path: Path, place: "_Place", *, is_condition: bool
    ) -> None:
        """Check one expression or a list of them; anything else is left to the model."""
        if value.__class__ is str and is_condition:
            self._check_condition(value, path, place)
        elif value.__class__ is str:
            self._check_text(value, path, place, whole=True)
        elif value.__class__ is list:
            for number, item in enumerate(value):
                self._check_expressions(item, (*path, number), place, is_condition=is_condition)

    def _check_condition(self, text: str, path: Path, place: "_Place") -> None:
        """Check an expression that is to be true or false."""
        if self._check_text(text, path, place, whole=True):
            self._conditions.check(text, path)

    def _warn_unresolved(self, value: Any, path: Path) -> None:
        if value.__class__ is tuple:  # the inputs of the mission, already checked
            value = {param.name: {"default": param.default} for param in value}
        if value is None or value is INVALID:
            return
        for text, where, _ in walk_texts(value, path):
            if has_template(text):
                self._problems.warn(
                    Code.TEMPLATE_NOT_ALLOWED,
                    "this template is not resolved: it stays as it is written",
                    where,
                    hint="templates are resolved in parameters, env, working_dir, when, foreach"
                    " and matrix",
                )

    def _check_text(self, text: str, path: Path, place: "_Place", *, whole: bool) -> bool:
        """Check a text with templates, or a `whole` expression; tell whether it can be read."""
        try:
            if whole:
                text = as_template(text)
            template = read_template(text)
            check_syntax(text)
        except TemplateSyntaxError as error:
            hint = error.hint or (None if whole else _LITERALLY)
            self._problems.error(Code.TEMPLATE_SYNTAX, f"template: {error}", path, hint=hint)
            return False
        for reference, follower in template.names:
            self._check_reference(reference, follower, path, place)
        return True

    def _error(
        self, code: Code, message: str, path: Path, reference: Reference, hint: str | None = None
    ) -> None:
        """Take note of an error at the reference within its text, written with dots or brackets."""
        known = reference[: reference.index("*")] if "*" in reference else reference
        needle = known[0]
        for name in known[1:3]:
            dotted = name.isidentifier() or name.isdigit()
            needle += f".{name}" if dotted else f"['{name}']"
        self._problems.error(code, message, path, hint=hint, needle=needle)

    def _check_reference(
        self, reference: Reference, follower: str, path: Path, place: "_Place"
    ) -> None:
        root = reference[0]
        if root == "steps":
            self._check_step_reference(reference, follower, path, place)
        elif root == "params":
            self._check_known(reference, self._params, "input", path)
        elif root == "vars":
            self._check_known(reference, self._variables, "variable", path)
        elif root == "execution":
            self._check_execution(reference, path, place)
        elif root == FAILED:
            self._check_handler_only(reference, path, place)
        elif root == "env":
            self._check_env(reference, path)
        elif root == "secrets":
            self._check_secret(reference, path)
        elif root in ("item", "index", "matrix"):
            if not place.fans_out:
                self._error(
                    Code.UNKNOWN_NAME,
                    f"`{root}` exists only in a step with `foreach` or `matrix`",
                    path,
                    reference,
                )
        elif root != "timestamp":
            self._error(
                Code.UNKNOWN_NAME,
                f"unknown name `{root}` in a template",
                path,
                reference,
                hint=self._hint_for_root(root, place),
            )

    def _check_env(self, reference: Reference, path: Path) -> None:
        """Check a variable of the environment: what is set is known when the mission runs."""
        if len(reference) < 2 or reference[1] == "*":
            self._error(
                Code.UNKNOWN_NAME,
                "a variable of the environment must be named literally: `env.NAME`",
                path,
                reference,
            )
        elif is_denied(reference[1]):
            self._error(
                Code.FORBIDDEN_ENV,
                f"`env.{reference[1]}` cannot be read: it changes what code programs load",
                path,
                reference,
                hint="a process has it in its environment all the same",
            )
        elif is_secret_name(reference[1]):
            self._error(
                Code.SECRET_ENV,
                f"`env.{reference[1]}` looks like a secret, and what a template makes is recorded",
                path,
                reference,
                hint="a process has it in its environment all the same: read it there",
            )

    def _check_execution(self, reference: Reference, path: Path, place: "_Place") -> None:
        if len(reference) > 1 and reference[1] in OUTCOME_NAMES:
            self._check_handler_only(reference, path, place)
        else:
            known = {*EXECUTION_NAMES, *(OUTCOME_NAMES if place.is_handler else ())}
            self._check_known(reference, known, "attribute of `execution`", path)

    def _check_handler_only(self, reference: Reference, path: Path, place: "_Place") -> None:
        if not place.is_handler:
            name = ".".join(reference[:2] if reference[0] == "execution" else reference[:1])
            self._error(
                Code.UNKNOWN_NAME,
                f"`{name}` is known in handlers only: before, the mission has not ended",
                path,
                reference,
                hint="use it in a step of `handlers`, such as `on_failure`",
            )

    def _hint_for_root(self, root: str, place: "_Place") -> str:
        for name, known in (("params", self._params), ("vars", self._variables)):
            if known and root in known:
                return f"did you mean `{name}.{root}`?"
        names = HANDLER_ROOTS if place.is_handler else ROOTS
        return suggest(root, names) or f"names are: {', '.join(names)}"

    def _check_known(
        self, reference: Reference, known: set[str] | None, what: str, path: Path
    ) -> None:
        if known is None or len(reference) < 2 or reference[1] in ("*", *known):
            return
        shown = ", ".join(sorted(known)[:10])
        self._error(
            Code.UNKNOWN_NAME,
            f"unknown {what} `{reference[1]}` in a template",
            path,
            reference,
            hint=suggest(reference[1], known) or (f"known: {shown}" if shown else None),
        )

    def _check_secret(self, reference: Reference, path: Path) -> None:
        if "secrets" in NOT_YET:
            self._error(Code.NOT_SUPPORTED, "secrets is not supported yet", path, reference)
        elif self._secrets is not INVALID:
            self._check_known(reference, set(self._secrets), "secret", path)

    def _check_step_reference(
        self, reference: Reference, follower: str, path: Path, place: "_Place"
    ) -> None:
        if len(reference) < 2 or reference[1] == "*":
            self._error(
                Code.UNKNOWN_STEP,
                "a step must be named literally: `steps.ID.output.KEY`",
                path,
                reference,
            )
            return
        name = reference[1]
        if name not in self._ids:
            self._error(
                Code.UNKNOWN_STEP,
                f"a template refers to step `{name}`, which does not exist",
                path,
                reference,
                hint=self._hint_for_step(reference, follower),
            )
            return
        if len(reference) > 2 and reference[2] not in (*STEP_NAMES, "*"):
            self._error(
                Code.UNKNOWN_NAME,
                f"`steps.{name}` has no `{reference[2]}`",
                path,
                reference,
                hint=f"write `steps.{name}.output.{reference[2]}`",
            )
            return
        self._check_upstream(name, path, place, reference)

    def _check_upstream(self, name: str, path: Path, place: "_Place", reference: Reference) -> None:
        if name == place.step:
            message = f"step `{name}` refers to its own result"
            self._error(Code.NOT_UPSTREAM, message, path, reference)
        elif place.step is None:
            message = f"env of the mission refers to step `{name}`, before any step has run"
            self._error(Code.NOT_UPSTREAM, message, path, reference)
        elif place.number is not None and (
            self._ids[name] < 0
            or (
                self._graph is not None
                and not self._graph.is_upstream(self._ids[name], place.number)
            )
        ):
            self._error(
                Code.NOT_UPSTREAM,
                f"step `{place.step}` refers to `{name}`, which is not upstream of it:"
                " it may not have ended",
                path,
                reference,
                hint=f"add `{name}` to its `depends_on`",
            )

    def _hint_for_step(self, reference: Reference, follower: str) -> str | None:
        name = reference[1]
        if follower == "-" or len(reference) > 2:
            for known in self._ids:
                dashed = follower == "-" and known.startswith(f"{name}-")
                dotted = known.startswith(f"{name}.{'.'.join(reference[2:3])}")
                if dashed or dotted:
                    return f"an id with `-` or `.` needs brackets: `steps['{known}'].output`"
        return suggest(name, self._ids)


class _Place:
    """Where a template stands: in which step, its number unless it is a handler's."""

    __slots__ = ("fans_out", "is_handler", "number", "step")

    def __init__(self, *, step: str | None, number: int | None, fans_out: bool) -> None:
        self.step = step
        self.number = number
        self.fans_out = fans_out
        self.is_handler = step is not None and number is None


def _variables(draft: Draft) -> set[str] | None:
    """Return the variables of a mission, and those its set_variables steps may make."""
    declared = draft.fields.get("variables", {})
    if declared is INVALID:
        return None
    known = set(declared)
    for step in draft.steps:
        if step is not None and step.step_type == "set_variables":
            values = step.parameters.get("values")
            if values.__class__ is not dict:
                return None
            known.update(values)
    return known
