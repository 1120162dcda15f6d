"""Why a step that declares its files ran, in words, from the events of the step."""

from collections.abc import Iterable

from core.domain.records import AuditEvent
from core.domain.state_word import counted

MAX_NAMED = 5


def changes_before_start(events: Iterable[AuditEvent]) -> list[str]:
    """Return what was not as the last success left it when the latest attempt started."""
    told: list[str] = []
    for event in events:
        if event.event_type != "step.outdated":
            continue
        because = event.details.get("because")
        told = [str(one) for one in because] if isinstance(because, list) else []
        more = event.details.get("more")
        left = len(told) - MAX_NAMED + (more if isinstance(more, int) else 0)
        told = told[:MAX_NAMED]
        if left > 0:
            told.append(counted(left, "more change"))
    return told
