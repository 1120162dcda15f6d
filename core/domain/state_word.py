"""The display word of a state, how a pause at a breakpoint is told, and a number with its noun.

Command line, screen and `mission why` all use these.
"""

from collections.abc import Mapping
from types import MappingProxyType

from core.domain.reasons import Reason
from core.domain.states import State

WORDS: Mapping[str, str] = MappingProxyType(
    {
        "PENDING": "pending",
        "READY": "queued",
        "RUNNING": "running",
        "WAITING": "waiting",
        "PAUSED": "paused",
        "SUCCESS": "done",
        "FAILED": "failed",
        "SKIPPED": "skipped",
        "CANCELLED": "cancelled",
        "LOST": "lost",
    }
)
"""By the value of any state of an execution, task run or attempt."""

_WAITING_WORDS: Mapping[Reason, str] = MappingProxyType(
    {
        Reason.BACKOFF: "retrying",
        Reason.REPEATING: "repeating",
        Reason.SERVICE_READY: "serving",
        Reason.AWAITING_APPROVAL: "needs approval",
        Reason.RESOURCE_EXHAUSTED: "held back",
    }
)


def state_word(state: State, reason: Reason | None = None) -> str:
    """Return the word of a state; for a waiting one what it waits for, if known.

    An execution that waits for its turn in a concurrency group is queued: nobody has paused it.
    """
    found = WORDS[state.value]
    if reason is Reason.QUEUED and state.value == "PAUSED":
        return WORDS["READY"]
    if reason is not None and state.value == "WAITING":
        return _WAITING_WORDS.get(reason, found)
    return found


def breakpoint_message(step_id: str) -> str:
    """Return what is said of an execution that is paused at the breakpoint before a step."""
    return f"paused at the breakpoint before {step_id}"


def steps_text(steps: int, handlers: int) -> str:
    """Write how large a mission is: `4 steps`, `4 steps, 1 handler`."""
    return counted(steps, "step") + (f", {counted(handlers, 'handler')}" if handlers else "")


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """Write a number with its noun: `1 step`, `1,738 steps`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
