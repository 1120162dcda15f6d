"""What policies had to say of a step of an execution, and what they would say today."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from core.domain.records import AuditEvent, Execution
from core.launch.order import Order
from core.operations.admission.planned_verdicts import PlannedVerdict, verdict_on_recorded
from core.operations.admission.policy_check import folder_of
from core.operations.recorded_mission import stored_mission
from core.operations.site import Site
from core.ports.reader import Reader

_PAGE = 1000
_HASHED = frozenset({"execution.created", "engine.started"})
_TOLD = frozenset({"policy.violation", "policy.warning"})


class PolicyExplanation(Struct, frozen=True, kw_only=True):
    """What is recorded of policies about a step, and the verdict of today."""

    recorded: tuple[AuditEvent, ...]
    """The violations and warnings of the step, in order."""
    then: Mapping[str, str]
    """The policy files of the last runner: SHA-256 by path."""
    now: Mapping[str, str]
    """Those in force today."""
    verdict: PlannedVerdict
    """What today's policies say of the recorded attempt, or of the step if there was none."""


def explain_policies(
    site: Site, reader: Reader, execution: Execution, task_id: str
) -> PolicyExplanation:
    """Explain what policies say of a step of an execution.

    Raises `NotFoundError` for an unknown step, `PolicyFileError` for policies that cannot be used
    today, `MissionInvalidError` for a mission that cannot be read any more.
    """
    task = reader.task_run(execution.execution_id, task_id)
    mission, source = stored_mission(reader, execution)
    order = Order(
        mission=mission,
        source=source,
        actor=execution.actor,
        params=execution.params,
        source_path=execution.source_path,
        working_dir=execution.working_dir,
    )
    step_id = task.parent_task_id or task.task_id
    step = next(one for one in mission.all_steps if one.id == step_id)
    recorded, then = _recorded(reader, execution.execution_id, task_id)
    return PolicyExplanation(
        recorded=recorded,
        then=then,
        now=site.policies(folder_of(execution.source_path, execution.working_dir)).hashes,
        verdict=verdict_on_recorded(
            site, order, step, task.inputs if task.attempt else None, task.attempt
        ),
    )


def _recorded(
    reader: Reader, execution_id: str, task_id: str
) -> tuple[tuple[AuditEvent, ...], Mapping[str, str]]:
    """Return the events of policies about a step, and the policies of the last runner."""
    found: list[AuditEvent] = []
    hashes: Mapping[str, str] = {}
    after = 0
    while page := reader.audit_events(after_seq=after, execution_id=execution_id, limit=_PAGE):
        after = page[-1].seq
        for event in page:
            if event.event_type in _HASHED:
                hashes = _hashes(event.details)
            elif event.event_type in _TOLD and event.target == f"step/{task_id}":
                found.append(event)
    return tuple(found), hashes


def _hashes(details: Mapping[str, Any]) -> dict[str, str]:
    return {str(one["path"]): str(one["sha256"]) for one in details.get("policies", ())}
