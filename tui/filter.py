"""The filter language of the step list: `state:failed type:command dur>30s try>1 some text`.

Terms are joined by *and*; `-` or `!` in front turns one around; values may be lists:
`state:failed,running`. What is not understood is looked for in id, name, reason and message.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from core.item_label import step_title
from core.model import MissionStep, TaskRun
from tui.format import elapsed

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)?")
_UNITS = {"ms": 0.001, "s": 1.0, None: 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_WORDS = {
    "ok": "success",
    "done": "success",
    "queued": "ready",
    "retry": "retrying",
    "canceled": "cancelled",
}

Test = Callable[[TaskRun, MissionStep | None, str, int], bool]


@dataclass(frozen=True, slots=True)
class Filter:
    """A parsed filter; one without terms lets everything through."""

    text: str
    tests: tuple[Test, ...]

    def accepts(self, task: TaskRun, step: MissionStep | None, bucket: str, now: int) -> bool:
        """Tell whether a task run passes; `bucket` is the name of its place by attention."""
        return all(test(task, step, bucket, now) for test in self.tests)

    def __bool__(self) -> bool:
        return bool(self.tests)


def parse_filter(text: str) -> Filter:
    """Read a filter. Every text is one: there are no errors."""
    return Filter(text, tuple(_term(word) for word in text.split()))


def _term(word: str) -> Test:
    if len(word) > 1 and word[0] in "-!":
        inner = _term(word[1:])
        return lambda task, step, bucket, now: not inner(task, step, bucket, now)
    key, colon, value = word.partition(":")
    if colon and value:
        wanted = tuple(part for part in value.lower().split(",") if part)
        match key.lower():
            case "state" | "s":
                return _state(tuple(_WORDS.get(part, part) for part in wanted))
            case "reason":
                return lambda task, _s, _b, _n: any(
                    part in task.reason_code.value.lower() for part in wanted
                )
            case "type":
                return lambda _t, step, _b, _n: (
                    step is not None and any(part in step.step_type.lower() for part in wanted)
                )
            case "id":
                return lambda task, _s, _b, _n: any(part in task.task_id.lower() for part in wanted)
    compared = re.fullmatch(r"(dur|try|attempt)(>=|<=|>|<|=)(.+)", word.lower())
    if compared is not None:
        test = _comparison(*compared.groups())
        if test is not None:
            return test
    return _text(word.lower())


def _state(wanted: tuple[str, ...]) -> Test:
    def test(task: TaskRun, _step: MissionStep | None, bucket: str, _now: int) -> bool:
        state, place = task.state.value.lower(), bucket.lower()
        return any(state.startswith(part) or place.startswith(part) for part in wanted)

    return test


def _comparison(field: str, sign: str, value: str) -> Test | None:
    found = _DURATION.fullmatch(value)
    if found is None:
        return None
    limit = float(found[1]) * _UNITS[found[2]]

    def measure(task: TaskRun, now: int) -> float | None:
        if field == "dur":
            return elapsed(task.started_at, task.ended_at, now)
        return float(task.attempt)

    def test(task: TaskRun, _step: MissionStep | None, _bucket: str, now: int) -> bool:
        value = measure(task, now)
        if value is None:
            return False
        match sign:
            case ">":
                return value > limit
            case ">=":
                return value >= limit
            case "<":
                return value < limit
            case "<=":
                return value <= limit
            case _:
                return value == limit

    return test


def _text(wanted: str) -> Test:
    def test(task: TaskRun, step: MissionStep | None, _bucket: str, _now: int) -> bool:
        return (
            wanted in step_title(task).lower()
            or (step is not None and wanted in step.name.lower())
            or wanted in task.reason_code.value.lower()
            or (task.message is not None and wanted in task.message.lower())
        )

    return test
