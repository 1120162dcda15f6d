"""Which event types this version knows; those of other versions are opaque to it.

An opaque event is covered by the chain's hashes and signatures like any other. Nothing is read from
its details: they may mean something else than the same words do here.
"""

from typing import Final

from core.audit.format.body import CLOCK_STEPPED_BACK, EXECUTION_FINALIZED, LOG_CREATED
from core.audit.format.key_rotation import KEY_ROTATED
from core.domain.events import (
    NOTE_KINDS,
    AttemptArmed,
    AttemptDisarmed,
    AttemptEnded,
    AttemptPlaced,
    AttemptStarted,
    BreakerChanged,
    BreakpointChanged,
    CancelRequested,
    ExecutionCreated,
    ExecutionStateChanged,
    StepExpanded,
    TaskStateChanged,
)

KNOWN_TYPES: Final = NOTE_KINDS | {
    LOG_CREATED,
    KEY_ROTATED,
    CLOCK_STEPPED_BACK,
    ExecutionCreated.type,
    ExecutionStateChanged.type,
    CancelRequested.type,
    BreakerChanged.type,
    BreakpointChanged.type,
    TaskStateChanged.type,
    StepExpanded.type,
    AttemptArmed.type,
    AttemptDisarmed.type,
    AttemptStarted.type,
    AttemptPlaced.type,
    AttemptEnded.type,
    EXECUTION_FINALIZED,
}


def is_known_type(event_type: str) -> bool:
    """Tell whether this version knows what events of a type say."""
    return event_type in KNOWN_TYPES
