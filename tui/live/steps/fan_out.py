"""The items of one fan-out step: by urgency, by state, failures by their error.

Plain data; knows no widgets and does no I/O.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from statistics import median

from core.domain.records import TaskRun
from core.domain.states import TaskState
from core.domain.tally import Counts
from tui.live.steps.bucket import Bucket, bucket_of
from tui.live.steps.buckets import Buckets, Members
from tui.live.steps.step_seconds import step_seconds
from tui.words.cause import cause_of_task

MIN_SAME_FAILURES = 3
"""From how many items on failures with the same error are one row."""
MAX_ITEM_WORDS = 12
"""How many values of one item are looked for in its error."""

_PASSING = r"0x[0-9a-fA-F]+|\d+(?:\.\d+)+|\d{5,}"
"""Addresses, durations, process ids: what differs though the error is the same."""
_VARIES = "…"


class SameFailures:
    """The failed items of a fan-out that have the same error."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.members = Members()
        self._texts: Counter[str] = Counter()

    @property
    def task_ids(self) -> Sequence[str]:
        """The items in file order."""
        return self.members.task_ids

    @property
    def is_one_row(self) -> bool:
        """Whether there are so many that a list folds them."""
        return len(self.members.task_ids) >= MIN_SAME_FAILURES

    @property
    def text(self) -> str:
        """The error; where the items' texts differ, with an ellipsis for what differs."""
        return next(iter(self._texts)) if len(self._texts) == 1 else self.key

    def add(self, place: int, text: str, order: Sequence[str]) -> None:
        """Add an item with its error."""
        self.members.add({place}, order)
        self._texts[text] += 1

    def remove(self, place: int, text: str) -> None:
        """Remove an item."""
        self.members.remove({place})
        self._texts[text] -= 1
        if not self._texts[text]:
            del self._texts[text]


class FanOut:
    """The items of a fan-out step, kept sorted and counted as changes arrive."""

    def __init__(self) -> None:
        self.items = Buckets()
        self._counts: dict[TaskState, int] = {}
        self._failures: dict[str, SameFailures] = {}
        self._errors: dict[int, tuple[str, str]] = {}
        """The key and the text of the error of each failed item, by position."""

        self._typical: tuple[int, float | None] = (0, None)

    @property
    def counts(self) -> Counts:
        """How many items are in which state."""
        return self._counts

    def apply(
        self,
        changed: Mapping[int, TaskRun],
        before: Mapping[int, TaskRun],
        order: Sequence[str],
    ) -> None:
        """Take in newer records by position; `before` has the records of those that were known."""
        for place, task in changed.items():
            was = before.get(place)
            if was is not None:
                self._counts[was.state] -= 1
            self._counts[task.state] = self._counts.get(task.state, 0) + 1
            self._note_failure(place, task, order)
        self.items.move({place: bucket_of(task) for place, task in changed.items()}, order)

    def urgency(self, own: Bucket) -> Bucket:
        """Return the bucket of the step in a list: its own, or that of its most urgent item."""
        for bucket in (Bucket.NEEDS_YOU, Bucket.FAILED):
            if self.items.size_of(bucket):
                return min(bucket, own)
        return own

    def failures(self) -> Iterator[SameFailures]:
        """Yield the failed items, those with the same error together, by their first item."""
        yield from sorted(self._failures.values(), key=lambda one: one.members.places[0])

    def same_failures(self, key: str) -> SameFailures | None:
        """Return the failed items with an error."""
        return self._failures.get(key)

    def failures_of(self, place: int) -> SameFailures | None:
        """Return the failed items with the same error as one item; None if that has not failed."""
        key, _text = self._errors.get(place, ("", ""))
        return self._failures.get(key)

    def typical_seconds(self, tasks: Mapping[str, TaskRun]) -> float | None:
        """Return the median duration of the items that have succeeded; None before the first.

        It is computed again when a tenth more of them have.
        """
        done = self.items.members(Bucket.DONE)
        of, typical = self._typical
        if len(done) != of and not of < len(done) < of * 1.1:
            took = [took for one in done if (took := step_seconds(tasks[one])) is not None]
            typical = median(took) if took else None
            self._typical = len(done), typical
        return typical

    def _note_failure(self, place: int, task: TaskRun, order: Sequence[str]) -> None:
        known = self._errors.pop(place, None)
        if known is not None:
            key, text = known
            group = self._failures[key]
            group.remove(place, text)
            if not group.task_ids:
                del self._failures[key]
        if task.state is TaskState.FAILED:
            cause = cause_of_task(task)
            text = cause.sentence or cause.code
            key = without_item(text, task.item)
            self._errors[place] = key, text
            self._failures.setdefault(key, SameFailures(key)).add(place, text, order)


def without_item(text: str, item: object) -> str:
    """Return an error with an ellipsis in place of the item's values and of passing numbers.

    No pattern is made of an item: compiling one for each takes a second for 10,000.
    """
    words = sorted(_words_of(item), key=len, reverse=True)[:MAX_ITEM_WORDS]
    spans = [found.span() for found in re.finditer(_PASSING, text)]
    spans += [span for word in words for span in _places_of(word, text)]
    if not spans:
        return text
    kept: list[str] = []
    at = 0
    for start, end in sorted(spans, key=lambda span: (span[0], -span[1])):
        if start >= at:
            kept += [text[at:start], _VARIES]
            at = end
    return "".join([*kept, text[at:]])


def _places_of(word: str, text: str) -> Iterator[tuple[int, int]]:
    """Yield where a text has a value that is no part of a longer word."""
    start = text.find(word)
    while start >= 0:
        end = start + len(word)
        if not _is_in_word(text[start - 1 : start]) and not _is_in_word(text[end : end + 1]):
            yield start, end
        start = text.find(word, start + 1)


def _is_in_word(character: str) -> bool:
    return character.isalnum() or character == "_"


def _words_of(item: object, depth: int = 0) -> Iterator[str]:
    if isinstance(item, bool) or item is None or depth > 2:
        return
    if isinstance(item, str):
        if 1 < len(item) <= 200:
            yield item
    elif isinstance(item, int | float):
        yield str(item)
    elif isinstance(item, Mapping):
        for value in item.values():
            yield from _words_of(value, depth + 1)
    elif isinstance(item, Sequence):
        for value in item[:MAX_ITEM_WORDS]:
            yield from _words_of(value, depth + 1)
