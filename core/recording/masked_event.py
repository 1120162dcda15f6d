"""Masks secrets in the free text and data of events. Knows no secret and no form of one."""

from collections import Counter
from typing import Any

from msgspec import structs

from core.domain.events import AttemptEnded, Event
from core.domain.records import TaskError
from core.ports.secrets import Mask

FREE_FIELDS = frozenset(
    {
        *(
            "census",
            "error",
            "facts",
            "inputs",
            "items",
            "message",
            "outputs",
            "params",
        ),
        *("labels", "retry_scope", "title"),
    }
)
"""The fields of events whose content steps and people decide."""

OTHER_FIELDS = frozenset(
    {
        *(
            "actor",
            "artifacts",
            "at",
            "attempt",
            "attempt_base",
            "duration_us",
            "execution_id",
            "exit_code",
        ),
        *("from_state", "kind", "log_bytes", "log_digest", "log_dropped_bytes", "log_entry_count"),
        *("mission_digest", "mission_name", "parallel_limit", "parent_attempt"),
        *("parent_execution_id", "parent_task_id", "policies", "reason_code", "redactions"),
        *(
            "compared",
            "breakpoints",
            "change",
            "forced",
            "rerun_of",
            "resources",
            "resume_at",
            "retry_of",
            "reused_from",
            "run_key",
            "run_number",
            "source_path",
        ),
        *(
            "host",
            "keep_going",
            "placement",
            "ready",
            "started",
            "state",
            "step",
            "step_ids",
            "task_id",
            "to_state",
            "worker",
            "workflow_id",
            "working_dir",
        ),
    }
)
"""All other fields: identifiers, states and numbers, and what a mission file says itself.

`ready`, `started` and `step` are filled from events that were masked.
"""


def mask_event(event: Event, mask: Mask) -> Event:
    """Return the event with secrets masked; the end of an attempt counts these redactions, too."""
    counts: Counter[str] = Counter()
    changed: dict[str, Any] = {}
    for name in event.__struct_fields__:
        if name not in FREE_FIELDS:
            continue
        value = getattr(event, name)
        if not value:
            continue
        masked = _mask_field(value, mask, counts)
        if masked != value:
            changed[name] = masked
    if not changed:
        return event
    if isinstance(event, AttemptEnded):
        changed["redactions"] = dict(Counter(event.redactions) + counts)
    return structs.replace(event, **changed)


def _mask_field(value: Any, mask: Mask, counts: Counter[str]) -> Any:
    if isinstance(value, TaskError):
        message = mask.mask_value(value.message, counts)
        stack_trace = mask.mask_value(value.stack_trace, counts)
        return structs.replace(value, message=message, stack_trace=stack_trace)
    masked = mask.mask_value(value, counts)
    return tuple(masked) if isinstance(value, tuple) else masked
