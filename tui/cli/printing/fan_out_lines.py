"""The lines about the items of large fan-outs: summed up, with the same errors together. Pure."""

from collections.abc import Iterator

from core.domain.records import TaskRun
from core.domain.state_word import counted
from core.domain.states import TaskState
from core.domain.tally import count_words
from core.value.timestamp import SECOND_NS
from tui.cli.printing.fan_out_items import MAX_ITEM_LINES
from tui.live.board import Board
from tui.live.steps.bucket import Bucket
from tui.live.steps.fan_out import FanOut, SameFailures
from tui.words.safe_text import safe_line

SUMMARY_NS = 5 * SECOND_NS
"""How often a fan-out that goes on is summed up at most."""
MAX_ERRORS, MAX_NAMED_ITEMS = 20, 5


class FanOutLines:
    """Knows which items have been told of, and which fan-outs are to be summed up."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._told: set[tuple[str, str]] = set()
        """The errors that were told of, each with the step it is of."""
        self._summed_up: dict[str, int] = {}
        self._changed: dict[str, None] = {}

    def hides(self, task: TaskRun, state: TaskState) -> bool:
        """Tell whether the change of an item to a state is only counted.

        The first item with an error has a line, and so has one that waits for a person.
        """
        parent = task.parent_task_id
        fan_out = None if parent is None else self._board.fan_outs.get(parent)
        if parent is None or fan_out is None or len(fan_out.items) <= MAX_ITEM_LINES:
            return False
        self._changed[parent] = None
        if state is TaskState.WAITING:
            return self._board.bucket(task.task_id) is not Bucket.NEEDS_YOU
        if state is not TaskState.FAILED:
            return True
        alike = fan_out.failures_of(self._board.positions[task.task_id])
        if alike is None or (parent, alike.key) in self._told:
            return True
        self._told.add((parent, alike.key))
        return False

    def due(self, now: int) -> list[str]:
        """Return the fan-outs that go on and are to be summed up now, and take note of it."""
        found = []
        for step_id in self._changed:
            last = self._summed_up.setdefault(step_id, now)
            if now - last >= SUMMARY_NS:
                self._summed_up[step_id] = now
                found.append(step_id)
        for step_id in found:
            del self._changed[step_id]
        return found

    def ended(self, step_id: str) -> Iterator[str]:
        """Yield how the items of a step that has ended stand, if it has so many."""
        self._changed.pop(step_id, None)
        fan_out = self._board.fan_outs.get(step_id)
        if fan_out is not None and len(fan_out.items) > MAX_ITEM_LINES:
            yield self.counts(step_id)
            yield from error_lines(fan_out)

    def counts(self, step_id: str) -> str:
        """Return how many items of a fan-out are in which state."""
        fan_out = self._board.fan_outs[step_id]
        return f"{counted(len(fan_out.items), 'item')}: {count_words(fan_out.counts)}"


def error_lines(fan_out: FanOut) -> Iterator[str]:
    """Yield each error that several items have, with how many and with the first of them."""
    several = [one for one in fan_out.failures() if len(one.task_ids) > 1]
    for one in sorted(several, key=lambda one: -len(one.task_ids))[:MAX_ERRORS]:
        yield f"×{len(one.task_ids):,} {safe_line(one.text)} ({_named(one)})"
    if len(several) > MAX_ERRORS:
        yield f"and {counted(len(several) - MAX_ERRORS, 'more error')} of several items"


def _named(alike: SameFailures) -> str:
    ids = alike.task_ids
    more = f" and {len(ids) - MAX_NAMED_ITEMS:,} more" if len(ids) > MAX_NAMED_ITEMS else ""
    return ", ".join(map(safe_line, ids[:MAX_NAMED_ITEMS])) + more
