"""Checks one reference of a template: that what it names will exist where the template stands."""

from collections.abc import Sequence
from typing import Any

from core.domain.mission import MATRIX_EXCLUDE, MATRIX_INCLUDE
from core.expression.template import Reference
from core.graph.dag import Graph
from core.machine.environment import FAILED_STEPS, OUTCOME_NAMES, is_denied
from core.mission_file.finding.code import Code
from core.mission_file.finding.foreign_key import FOREIGN_NAMES
from core.mission_file.finding.problem import Path, Problems
from core.mission_file.finding.value_check import INVALID, suggest
from core.mission_file.keys.top_level import Draft
from core.value.secret_name import is_secret_name

ROOTS = (
    *("params", "vars", "env", "steps", "execution", "timestamp", "secrets"),
    *("item", "index", "matrix"),
)
OWN_OUTPUT = "output"
"""The name of an attempt's result in `repeat.until`."""
HANDLER_ROOTS = (*ROOTS, FAILED_STEPS)
EXECUTION_NAMES = ("id", "mission", "workflow_id", "started_at", "actor")
STEP_NAMES = ("output", "state", "error")


_SECRET_PARAMETERS = {
    "command": ("stdin",),
    "script": ("stdin",),
    "http": ("headers", "auth", "body", "json"),
}
"""Parameters that no other process sees; what is recorded of them is masked."""


class TemplateLocation:
    """Where a template is used: in which step, and its number unless it is a handler's."""

    __slots__ = (
        *("_path", "fans_out", "has_output", "is_handler", "matrix", "number", "secrets", "step"),
        "step_type",
    )

    def __init__(
        self,
        *,
        step: str | None,
        number: int | None,
        fans_out: bool,
        path: Path = (),
        step_type: str = "",
        secrets: Sequence[str] = (),
        matrix: Any = None,
    ) -> None:
        self.step = step
        self.number = number
        self.fans_out = fans_out
        self.is_handler = step is not None and number is None
        self.step_type = step_type
        self.secrets = secrets
        self.matrix = matrix
        """The `matrix` of the step as it is written."""
        self._path = path
        self.has_output = False
        """Whether `output` is the result of the step itself."""

    def within_repeat(self) -> "TemplateLocation":
        """Return the place of `repeat.until`, evaluated when an attempt of the step has ended."""
        found = TemplateLocation(
            step=self.step,
            number=self.number,
            fans_out=self.fans_out,
            path=self._path,
            step_type=self.step_type,
            matrix=self.matrix,
        )
        found.has_output = True
        return found

    def may_hold_secrets(self, path: Path) -> bool:
        """Tell whether a text at `path` reaches only the step itself when it is rendered."""
        inner = path[len(self._path) :]
        if not self._path or len(inner) < 2:
            return False
        if inner[0] == "env":
            return True
        return inner[0] == "parameters" and inner[1] in _SECRET_PARAMETERS.get(self.step_type, ())


class ReferenceCheck:
    """Knows the names of a draft. `graph` is None when its steps form no graph."""

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
        self._secret_inputs = (
            frozenset()
            if params is INVALID
            else frozenset(param.name for param in params if param.secret)
        )

    def check(
        self, reference: Reference, follower: str, path: Path, location: TemplateLocation
    ) -> None:
        """Report what is wrong with a reference; `follower` is the token after it."""
        root = reference[0]
        if root == "steps":
            self._check_step_reference(reference, follower, path, location)
        elif root == "params":
            self._check_input(reference, path)
        elif root == "vars":
            self._check_known(reference, self._variables, "variable", path)
        elif root == "execution":
            self._check_execution(reference, path, location)
        elif root == FAILED_STEPS:
            self._check_handler_only(reference, path, location)
        elif root == "env":
            self._check_env(reference, path)
        elif root == "secrets":
            self._check_secret(reference, path, location)
        elif root in ("item", "index", "matrix"):
            if not location.fans_out:
                self._error(
                    Code.UNKNOWN_NAME,
                    f"`{root}` exists only in a step with `foreach` or `matrix`",
                    path,
                    reference,
                )
            elif root == "matrix" and location.matrix.__class__ is dict:
                self._check_matrix(reference, follower, path, location.matrix)
        elif root == OWN_OUTPUT and location.has_output:
            return
        elif root != "timestamp":
            self._error(
                Code.UNKNOWN_NAME,
                f"unknown name `{root}` in a template",
                path,
                reference,
                hint=self._hint_for_root(root, location),
            )

    def _error(
        self, code: Code, message: str, path: Path, reference: Reference, hint: str | None = None
    ) -> None:
        """Report an error at the reference within its text, written with dots or brackets."""
        known = reference[: reference.index("*")] if "*" in reference else reference
        needle = known[0]
        for name in known[1:3]:
            dotted = name.isidentifier() or name.isdigit()
            needle += f".{name}" if dotted else f"['{name}']"
        self._problems.error(code, message, path, hint=hint, needle=needle)

    def _check_matrix(
        self, reference: Reference, follower: str, path: Path, matrix: dict[str, Any]
    ) -> None:
        """Check a name of a combination: an axis, or what `include` adds to some or to all."""
        axes = [name for name in matrix if name not in (MATRIX_INCLUDE, MATRIX_EXCLUDE)]
        entries = matrix.get(MATRIX_INCLUDE, [])
        if entries.__class__ is not list or any(one.__class__ is not dict for one in entries):
            return  # what a template gives is known in the run
        added = {name for entry in entries for name in entry}
        self._check_known(reference, {*axes, *added}, "name of the matrix", path)
        name = reference[1] if len(reference) > 1 else "*"
        in_all = any(name in entry and entry.keys().isdisjoint(axes) for entry in entries)
        if axes and name in added - set(axes) and not in_all and follower != "|":
            self._problems.warn(
                Code.PARTIAL_NAME,
                f"`matrix.{name}` is undefined in combinations that `include` does not extend",
                path,
                hint=f"write `matrix.{name}|default('')`",
                needle=f"matrix.{name}",
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

    def _check_execution(
        self, reference: Reference, path: Path, location: TemplateLocation
    ) -> None:
        if len(reference) > 1 and reference[1] in OUTCOME_NAMES:
            self._check_handler_only(reference, path, location)
        else:
            known = {*EXECUTION_NAMES, *(OUTCOME_NAMES if location.is_handler else ())}
            self._check_known(reference, known, "attribute of `execution`", path)
            if path[:1] == ("env",) and reference[1:2] == ("started_at",):  # of the mission
                self._error(
                    Code.UNKNOWN_NAME,
                    "`execution.started_at` is not known yet where this is resolved",
                    path,
                    reference,
                    hint="use it in the steps, such as in the `env` of one",
                )

    def _check_handler_only(
        self, reference: Reference, path: Path, location: TemplateLocation
    ) -> None:
        if not location.is_handler:
            name = ".".join(reference[:2] if reference[0] == "execution" else reference[:1])
            self._error(
                Code.UNKNOWN_NAME,
                f"`{name}` exists only in handlers: before, the mission has not ended",
                path,
                reference,
                hint="use it in a step of `handlers`, such as `on_failure`",
            )

    def _hint_for_root(self, root: str, location: TemplateLocation) -> str:
        for name, known in (("params", self._params), ("vars", self._variables)):
            if known and root in known:
                return f"did you mean `{name}.{root}`?"
        if root in FOREIGN_NAMES:
            return FOREIGN_NAMES[root]
        names = HANDLER_ROOTS if location.is_handler else ROOTS
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

    def _check_input(self, reference: Reference, path: Path) -> None:
        """Check an input: secret ones are no parameters of the run, which are recorded."""
        name = reference[1] if len(reference) > 1 else None
        if name in self._secret_inputs:
            self._error(
                Code.SECRET_PLACE,
                f"`{name}` is a secret input, which `params` does not hold",
                path,
                reference,
                hint=f"`secrets: [{name}]` of the step gives it the variable {name};"
                f" where the text reaches the step alone, write `secrets.{name}`",
            )
        else:
            self._check_known(reference, self._params, "input", path)

    def _check_secret(self, reference: Reference, path: Path, location: TemplateLocation) -> None:
        """Check a secret: named literally, read by the step, and where it is not recorded."""
        if len(reference) < 2 or reference[1] == "*":
            self._error(
                Code.UNKNOWN_NAME,
                "a secret must be named literally: `secrets.NAME`",
                path,
                reference,
            )
        elif not location.may_hold_secrets(path):
            name = reference[1]
            self._error(
                Code.SECRET_PLACE,
                f"`secrets.{name}` would be seen by others here",
                path,
                reference,
                hint=f"the step has it as the variable {name} once it says `secrets: [{name}]`;"
                " templates with secrets are for `env` and `stdin` of a step, and for headers,"
                " auth, body and json of http",
            )
        elif reference[1] not in location.secrets:
            self._error(
                Code.UNKNOWN_NAME,
                f"the step does not read the secret `{reference[1]}`",
                path,
                reference,
                hint=f"add `secrets: [{reference[1]}]` to the step",
            )

    def _check_step_reference(
        self, reference: Reference, follower: str, path: Path, location: TemplateLocation
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
                hint=_hint_for_attribute(name, reference),
            )
            return
        self._check_upstream(name, path, location, reference)

    def _check_upstream(
        self, name: str, path: Path, location: TemplateLocation, reference: Reference
    ) -> None:
        if name == location.step:
            message = f"step `{name}` refers to its own result"
            own = "`output` alone is here that of the attempt that has just ended"
            hint = own if location.has_output else None
            self._error(Code.NOT_UPSTREAM, message, path, reference, hint)
        elif location.step is None:
            message = f"`{path[0]}` of the mission refers to step `{name}`, before any step has run"
            self._error(Code.NOT_UPSTREAM, message, path, reference)
        elif location.number is not None and (
            self._ids[name] < 0
            or (
                self._graph is not None
                and not self._graph.is_upstream(self._ids[name], location.number)
            )
        ):
            self._error(
                Code.NOT_UPSTREAM,
                f"step `{location.step}` refers to `{name}`, which is not upstream of it:"
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


def _hint_for_attribute(name: str, reference: Reference) -> str:
    wanted = reference[2]
    if wanted == "outputs" and len(reference) > 3:
        value = f"steps.{name}.output.values.{reference[3]}"
        return f"a value that it wrote to `$MISSION_OUTPUT` is `{value}`"
    if wanted in ("outcome", "conclusion", "result", "status"):
        return f"how it ended is `steps.{name}.state`: SUCCESS, FAILED, SKIPPED or CANCELLED"
    return f"write `steps.{name}.output.{wanted}`"


def _variables(draft: Draft) -> set[str] | None:
    """Return the variables of a mission, and those that its set_variables steps may set."""
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
