"""An approval step's question while it is open: what is asked, who may answer, and until when."""

from collections.abc import Collection, Mapping, Sequence
from itertools import takewhile
from typing import Any

from msgspec import Struct

from core.domain.mission import Mission, MissionStep, Param, ParamType
from core.domain.records import Attempt, Execution, TaskRun
from core.domain.states import AttemptState
from core.value.duration import parse_duration
from core.value.timestamp import SECOND_NS


class OpenQuestion(Struct, frozen=True, kw_only=True):
    """An open question. Empty `approvers`: anybody may answer. `until` None: no deadline."""

    prompt: str
    approvers: tuple[str, ...] = ()
    until: int | None = None
    inputs: tuple[Param, ...] = ()
    """What whoever approves is asked for."""


def may_answer(actor: str, approvers: Collection[str]) -> bool:
    """Tell whether `actor` (`user@host`) is among those who may answer, by either name."""
    return not approvers or bool({actor, actor.partition("@")[0]} & set(approvers))


def asked_inputs(inputs: Mapping[str, Any]) -> tuple[Param, ...]:
    """Return what the resolved parameters of an approval ask for; what is no input is left out."""
    found = inputs.get("inputs")
    if not isinstance(found, Mapping):
        return ()
    return tuple(
        Param(
            name=name,
            type=ParamType(one.get("type") or ParamType.STRING),
            required=bool(one.get("required")),
            default=one.get("default"),
            choices=tuple(one.get("choices") or ()),
            pattern=one.get("pattern"),
            description=one.get("description") or "",
        )
        for name, one in found.items()
        if isinstance(one, Mapping) and one.get("type") in (None, *ParamType)
    )


def open_question(
    task: TaskRun,
    attempts: Sequence[Attempt],
    execution: Execution,
    step: MissionStep | None,
    mission: Mission | None,
) -> OpenQuestion:
    """Return the question of a task run that waits for an answer, from its resolved inputs.

    The timeout counts from the first of the attempts that were lost with their runner, if there
    were any, because an open question outlives its runner.
    """
    inputs = task.inputs or {}
    named = inputs.get("approvers") or ()
    approvers = tuple(map(str, named)) if isinstance(named, list | tuple) else ()
    ends: list[int] = []
    if attempts:
        lost = takewhile(lambda one: one.state is AttemptState.LOST, reversed(attempts[:-1]))
        begun = [*lost, attempts[-1]]
        start = min(one.started_at for one in begun)
        limits = (inputs.get("timeout"), None if step is None else step.timeout_seconds)
        ends += [
            start + round(parse_duration(one) * SECOND_NS) for one in limits if one is not None
        ]
    limit = None if mission is None else mission.config.timeout_seconds
    if limit is not None and execution.started_at is not None:
        ends.append(execution.started_at + round(limit * SECOND_NS))
    return OpenQuestion(
        prompt=task.message or str(inputs.get("prompt") or ""),
        approvers=approvers,
        until=min(ends, default=None),
        inputs=asked_inputs(inputs),
    )
