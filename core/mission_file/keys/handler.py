"""The keys of `handlers`: steps that run when a mission has ended."""

from typing import Any

from core.mission_file.finding.code import Code
from core.mission_file.finding.problem import Path, Problems
from core.mission_file.finding.value_check import Key, check_mapping, wrong_type
from core.mission_file.keys.json_schema import array
from core.mission_file.keys.not_yet import refuse_unsupported
from core.mission_file.keys.step.whole_step import check_step

_HANDLERS = ("on_success", "on_failure", "on_cancel", "always")


def _check_handler_steps(value: Any, path: Path, problems: Problems) -> Any:
    if value.__class__ is not list:
        return wrong_type(value, path, problems, "a list of steps")
    if value:
        refuse_unsupported("handlers", path, problems)
    steps = [check_step(item, (*path, index), problems) for index, item in enumerate(value)]
    for index, step in enumerate(steps):
        if step is None:
            continue
        if step.step_type == "finish":
            problems.error(
                Code.BAD_VALUE,
                "a handler runs when the mission has ended: there is nothing to finish",
                (*path, index, "step_type"),
            )
        if step.depends_on:
            problems.error(
                Code.BAD_VALUE,
                "the steps of a handler run in their order: `depends_on` is not allowed",
                (*path, index, "depends_on"),
                on_key=True,
            )
        for key in ("foreach", "matrix", "service"):
            if getattr(step, key):
                problems.error(
                    Code.BAD_VALUE,
                    f"the steps of a handler run once: `{key}` is not allowed",
                    (*path, index, key),
                    on_key=True,
                    hint="a sub-mission can have services, and go through a list",
                )
        for key in ("inputs", "outputs"):
            if getattr(step, key):
                problems.error(
                    Code.BAD_VALUE,
                    f"the steps of a handler run each time: `{key}` is not allowed",
                    (*path, index, key),
                    on_key=True,
                )
    return steps


def check_handlers(value: Any, path: Path, problems: Problems) -> Any:
    """Check the steps that run when a mission has ended; return lists of steps by handler."""
    return check_mapping(value, path, problems, HANDLER_KEYS, "`handlers`")


STEP_LIST = array({"$ref": "#/definitions/step"})

HANDLER_KEYS = {
    name: Key(
        check=_check_handler_steps,
        doc=f"Steps that run {when}, one after the other, each with its own deadline.",
        schema=STEP_LIST,
        default="[]",
        example="[{id: tell, name: Tell, step_type: log, parameters: {message: done}}]",
    )
    for name, when in zip(
        _HANDLERS,
        (
            "when the mission has succeeded",
            "when it has failed or timed out",
            "when it was cancelled",
            "however it has ended, after the others",
        ),
        strict=True,
    )
}
