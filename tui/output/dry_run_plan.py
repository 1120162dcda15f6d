"""The plan of a dry run, step by step, as text and as JSON."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from msgspec import to_builtins

from core.domain.mission import (
    MATRIX_EXCLUDE,
    MATRIX_INCLUDE,
    Mission,
    MissionStep,
    TriggerRule,
)
from core.domain.state_word import counted
from core.errors import UsageError
from core.expression.condition import precondition_line
from core.graph.dag import Graph
from core.launch.group_name import group_of
from core.launch.order import Order
from core.machine.environment import value_text
from core.operations.mission_secret_check import SecretState
from core.value.duration import duration_text
from tui.output.ansi_colours import Palette
from tui.output.table import Column, table
from tui.words.safe_text import safe_line

Describe = Callable[[MissionStep], str]
"""Returns a line that describes what a step would do."""


def plan_json(
    order: Order,
    graph: Graph,
    params: Mapping[str, Any],
    secrets: Sequence[SecretState],
    describe: Describe,
) -> dict[str, Any]:
    """Return the plan as JSON; the handlers follow the steps, by group."""
    mission, config = order.mission, order.mission.config
    return {
        "mission_name": mission.name,
        "workflow_id": mission.workflow_id,
        "description": mission.description,
        "params": dict(params),
        "secrets": [
            {
                "name": one.name,
                "source": _source(one),
                "missing": one.is_missing,
                "masked": one.is_masked,
                "problem": one.problem,
            }
            for one in secrets
        ],
        "parallel_limit": order.parallel_limit or config.parallel_limit,
        "fail_fast": config.fail_fast and not order.keep_going,
        "timeout_seconds": config.timeout_seconds,
        "preconditions": [
            {"expression": one.expression} if one.expression else {"run": one.script}
            for one in mission.preconditions
        ],
        "concurrency": None if mission.concurrency is None else to_builtins(mission.concurrency),
        "execution_order": list(graph.order_ids),
        "layers": [[graph.ids[number] for number in layer] for layer in graph.generations()],
        "steps": [
            _step_json(order, mission.steps[number], describe, layer=graph.rank[number])
            for number in graph.order
        ],
        "handlers": {
            name: [_step_json(order, step, describe, layer=None) for step in steps]
            for name, steps in _handlers(mission)
            if steps
        },
    }


def plan_text(
    order: Order,
    graph: Graph,
    params: Mapping[str, Any],
    secrets: Sequence[SecretState],
    describe: Describe,
    palette: Palette,
    *,
    width: int | None,
) -> list[str]:
    """Return the plan as text: mission, parameters, secrets, steps in the order they may start."""
    mission, config = order.mission, order.mission.config
    left = len(order.unselected)
    lines = [palette.paint(safe_line(mission.name), "bold")]
    if mission.description:
        lines.append(f"  {safe_line(mission.description.strip())}")
    traits = [
        f"{counted(len(mission.steps), 'step')} in {counted(len(graph.generations()), 'layer')}",
        f"{left} of them left out" if left else "",
        counted(len(mission.handlers.all), "handler") if mission.handlers.all else "",
        f"at most {order.parallel_limit or config.parallel_limit} at once",
        "stops at the first failure"
        if config.fail_fast and not order.keep_going
        else "goes on after a failure",
        f"deadline {duration_text(config.timeout_seconds)}" if config.timeout_seconds else "",
        _group_text(mission, params),
    ]
    lines.append(f"  {', '.join(trait for trait in traits if trait)}")
    if params:
        lines += ["", palette.paint("Parameters", "bold")]
        lines += [
            f"  {param.name} = {_value(params.get(param.name), missing=param.required)}"
            for param in mission.params
            if not param.secret
        ]
    if secrets:
        lines += ["", palette.paint("Secrets", "bold")]
        lines += [f"  {_secret_text(one)}" for one in secrets]
    if mission.preconditions:
        lines += ["", palette.paint("Before the first step these must hold", "bold")]
        lines += [f"  {safe_line(precondition_line(one))}" for one in mission.preconditions]
    columns = (
        Column("#", right=True),
        Column("LAYER", right=True),
        Column("STEP", shrink=True),
        Column("AFTER", shrink=True),
        Column("WHAT", shrink=True),
        Column("HOW", shrink=True),
    )
    rows: list[Sequence[str]] = [
        _row(order, mission.steps[number], describe, str(place), str(graph.rank[number] + 1))
        for place, number in enumerate(graph.order, 1)
    ]
    for name, steps in _handlers(mission):
        rows += [_row(order, step, describe, "", name) for step in steps]
    return [*lines, "", *table(columns, rows, palette, width=width)]


def _source(secret: SecretState) -> str:
    if secret.is_input:
        return "input"
    return "store" if secret.source is None else secret.source


def _secret_text(secret: SecretState) -> str:
    """Return where a secret comes from, and why it cannot be used or will not be masked."""
    source = {"input": "an input of the run", "store": "the secret store"}.get(
        _source(secret), _source(secret)
    )
    told = "" if secret.problem is None else f": {secret.problem}"
    if not secret.is_masked:
        told = ": too short to be masked in output"
    return safe_line(f"{secret.name} from {source}{told}")


def _group_text(mission: Mission, params: Mapping[str, Any]) -> str:
    """Return the group that a run would be in; as it is written where a parameter is missing."""
    group = mission.concurrency
    if group is None:
        return ""
    name: str | None = group.group
    if not any(param.required and params.get(param.name) is None for param in mission.params):
        with suppress(UsageError):
            name = group_of(mission, params)
    return safe_line(f"in the group {name} (policy {group.policy.value})")


def _value(value: Any, *, missing: bool) -> str:
    if value is None:
        return "(required)" if missing else "(none)"
    return safe_line(value_text(value))


def _row(
    order: Order, step: MissionStep, describe: Describe, place: str, layer: str
) -> Sequence[str]:
    return (
        place,
        layer,
        safe_line(step.id),
        ", ".join(step.depends_on),
        safe_line(describe(step)),
        safe_line(", ".join(_traits(order, step))),
    )


def _fate(order: Order, step: MissionStep) -> str:
    """Return what becomes of a step: `run`, `reuse` of an earlier result, or `leave_out`."""
    if step.id in order.reuse:
        return "reuse"
    return "leave_out" if step.id in order.unselected else "run"


def _traits(order: Order, step: MissionStep) -> list[str]:
    """Return whether a step runs at all, and the options that change how."""
    retry = step.retry or order.mission.config.retry
    found = []
    if (fate := _fate(order, step)) != "run":
        found.append("earlier result is reused" if fate == "reuse" else "left out")
    if step.id in (order.breakpoints or ()):
        found.append("pauses before it")
    if step.template is not None:
        found.append(f"template {step.template}")
    if step.when is not None:
        found.append(f"when {step.when}")
    if step.preconditions:
        found.append(counted(len(step.preconditions), "precondition"))
    if step.service:
        found.append("service")
    if step.mutex is not None:
        found.append(f"mutex {step.mutex}")
    if step.repeat is not None:
        found.append(f"repeated every {duration_text(step.repeat.every)}")
    if step.secret_names:
        found.append(f"reads {', '.join(step.secret_names)}")
    if step.trigger_rule is not TriggerRule.ALL_SUCCESS:
        found.append(f"trigger_rule {step.trigger_rule.value}")
    if step.foreach is not None:
        found.append("for each item")
    if step.matrix is not None:
        axes = [name for name in step.matrix if name not in (MATRIX_INCLUDE, MATRIX_EXCLUDE)]
        changes = [name for name in step.matrix if name not in axes]
        found.append(f"matrix of {', '.join(axes or changes)}")
        if axes and changes:
            found.append(f"with {' and '.join(changes)}")
    if step.timeout_seconds is not None:
        found.append(f"timeout {duration_text(step.timeout_seconds)}")
    if retry.max_attempts > 1:
        found.append(f"up to {retry.max_attempts} attempts")
    if step.continue_on_error:
        found.append("may fail")
    return found


def _step_json(
    order: Order, step: MissionStep, describe: Describe, *, layer: int | None
) -> dict[str, Any]:
    retry = step.retry or order.mission.config.retry
    return {
        "task_id": step.id,
        "name": step.name,
        "step_type": step.step_type,
        "layer": layer,
        "depends_on": list(step.depends_on),
        "description": describe(step),
        "when": step.when,
        "trigger_rule": step.trigger_rule.value,
        "timeout_seconds": step.timeout_seconds,
        "continue_on_error": step.continue_on_error,
        "max_attempts": retry.max_attempts,
        "secrets": list(step.secret_names),
        "template": step.template,
        "fate": _fate(order, step),
    }


def _handlers(mission: Mission) -> Sequence[tuple[str, Sequence[MissionStep]]]:
    handlers = mission.handlers
    return (
        ("on_success", handlers.on_success),
        ("on_failure", handlers.on_failure),
        ("on_cancel", handlers.on_cancel),
        ("always", handlers.always),
    )
