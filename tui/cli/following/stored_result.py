"""The result object of an ended execution, as `run --json` printed it."""

from core.domain.records import AuditEvent, Execution
from core.domain.states import is_terminal
from core.errors import ConflictError, UnavailableError
from core.ports.reader import Reader
from tui.cli.invocation import Invocation
from tui.output import json_shapes
from tui.words.run_label import full_label


def result_of(invocation: Invocation, reader: Reader, found: Execution) -> dict[str, object]:
    """Return the result; `ConflictError` for an execution that has not ended.

    Raises `UnavailableError` when its mission file cannot be read any more.
    """
    from core.domain.mission_result import mission_result
    from core.operations.recorded_mission import mission_of
    from core.operations.snapshot import load_snapshot
    from tui.host.integrity import is_execution_intact

    if not is_terminal(found.state):
        raise ConflictError(
            f"{full_label(found)} has not ended: {found.state}",
            hint="the result is available when it ends; `mission watch` waits for that",
        )
    mission = mission_of(reader, found)
    if mission is None:
        raise UnavailableError(
            "the mission file of this execution cannot be read any more",
            hint="a step type may have been uninstalled; `mission show` works without it",
        )
    return json_shapes.result(
        mission_result(
            mission,
            load_snapshot(reader, found.execution_id),
            events_logged=len(events_of(reader, found.execution_id)),
            integrity_verified=is_execution_intact(invocation.paths, found.execution_id),
        )
    )


def events_of(reader: Reader, execution_id: str) -> list[AuditEvent]:
    """Return every audit event of an execution, in order."""
    events: list[AuditEvent] = []
    while page := reader.audit_events(
        after_seq=events[-1].seq if events else 0, execution_id=execution_id, limit=10_000
    ):
        events += page
    return events
