"""What stands still below a run: sub-missions that are paused, queued, or wait for an approval."""

from collections.abc import Callable

from core.domain.reasons import Reason
from core.domain.records import Execution
from core.errors import MissionDeckError
from core.operations.ancestry import STOPPED, descendants
from core.ports.reader import Reader
from tui.live.coalescing_worker import CoalescingWorker, Start
from tui.live.lookup import Lookup
from tui.words.run_label import run_name

MAX_APPROVALS = 200
"""So many open approvals are looked at."""


class StandingWatch:
    """Reads what stands still below an execution when asked to, and calls `show` with it."""

    def __init__(
        self, lookup: Callable[[], Lookup], show: Callable[[str], None], run: Start
    ) -> None:
        self._lookup = lookup
        self._show = show
        self._worker = CoalescingWorker(self._read, run)
        self._execution_id: str | None = None

    def look(self, execution_id: str | None) -> None:
        """Read what stands still below an execution; None for one that runs no sub-mission now."""
        is_new = execution_id != self._execution_id
        self._execution_id = execution_id
        if execution_id is not None:
            self._worker.request()
        elif is_new:
            self._show("")

    async def _read(self) -> None:
        execution_id = self._execution_id
        if execution_id is None:
            return
        try:
            text = await self._lookup().read(lambda reader: standing_text(reader, execution_id))
        except MissionDeckError:
            return  # the feed reports the same failure
        if execution_id == self._execution_id:
            self._show(text)


def standing_text(reader: Reader, execution_id: str) -> str:
    """Return `kid#7 paused before ship`, and how many more there are; empty for none."""
    asking: dict[str, str] = {}
    for task in reader.open_approvals(limit=MAX_APPROVALS):
        asking.setdefault(task.execution_id, task.task_id)
    found = [
        f"{run_name(child)} {how}"
        for child in descendants(reader, execution_id, live=True)
        if (how := _how(child, asking))
    ]
    more = f", and {len(found) - 1} more" if len(found) > 1 else ""
    return f"{found[0]}{more}" if found else ""


def _how(execution: Execution, asking: dict[str, str]) -> str:
    if execution.reason_code is Reason.QUEUED:
        return "waits for its turn"
    if execution.reason_code in STOPPED:
        return execution.message or "paused"
    step_id = asking.get(execution.execution_id)
    return "" if step_id is None else f"waits for approval: {step_id}"
