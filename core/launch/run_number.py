"""The run number: which run of its mission an execution is, and the reference made of it, `NAME#7`.

Numbers count from 1 for each workflow id, in the order of the audit chain. The journal gives them
in the transaction that creates the execution, so no two executions ever have the same.
"""

import re
from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from core.domain.events import Event, ExecutionCreated
from core.ports.journal import Batch

MARK: Final = "#"
_REFERENCE = re.compile(r"(.+)#([1-9][0-9]{0,17})", re.DOTALL)


def run_reference(mission_name: str, run_number: int | None) -> str | None:
    """Return `NAME#7`, or None for a name with a `#` of its own: that needs the execution's id."""
    if run_number is None or MARK in mission_name:
        return None
    return f"{mission_name}{MARK}{run_number}"


def parse_run_reference(text: str) -> tuple[str, int] | None:
    """Return the mission name and run number that `text` names, None when it has another form."""
    found = _REFERENCE.fullmatch(text)
    return None if found is None else (found[1], int(found[2]))


def numbered(batch: Batch, run_number: int) -> Batch:
    """Return the batch that creates an execution with its run number in the event and the record.

    Free of side effects: what the batch was made of still has no number.
    """
    changes = batch.changes
    record = changes.execution
    return replace(
        batch,
        events=numbered_events(batch.events, run_number),
        changes=replace(
            changes, execution=None if record is None else replace(record, run_number=run_number)
        ),
    )


def numbered_events(events: Sequence[Event], run_number: int) -> list[Event]:
    """Return the events of a new execution with its run number in the event that creates it."""
    return [
        replace(event, run_number=run_number) if isinstance(event, ExecutionCreated) else event
        for event in events
    ]
