"""The filter language of the step list: `state:failed type:command dur>30s try>1 some text`."""

from collections.abc import Callable
from dataclasses import dataclass

from core.domain.item_label import step_title
from core.domain.mission import MissionStep
from core.domain.reasons import Reason
from core.domain.records import TaskRun
from core.domain.states import TaskState
from tui.search.filter_terms import Term, is_compared, one_of, parse_terms, seconds_of
from tui.words.numbers import elapsed

_FIELDS = {
    "state": "state",
    "s": "state",
    "reason": "reason",
    "type": "type",
    "id": "id",
}
_MEASURES = ("dur", "try", "attempt")
_WORDS = {
    "ok": "success",
    "done": "success",
    "queued": "ready",
    "retry": "retrying",
    "canceled": "cancelled",
}
_STATES = (*(state.value.lower() for state in TaskState), "retrying", "needs-you", *_WORDS)
_SHOWN_STATES = (
    "needs-you",
    "failed",
    "running",
    "retrying",
    "waiting",
    "queued",
    "pending",
    "done",
    "skipped",
    "cancelled",
)

SYNTAX = (
    ("state:failed,running", "in one of these states; the beginning of the word is enough"),
    ("type:command", "of this step type"),
    ("reason:timeout", "with this reason code"),
    ("id:build", "with this in the id"),
    ("dur>30s  dur<5m", "took longer, or shorter: ms s m h d"),
    ("try>1", "by the number of attempts"),
    ("words", "in id, name, reason code or message"),
    ("-word  -state:done", "without"),
)
"""The syntax of a filter of steps, for the help."""

Test = Callable[[TaskRun, MissionStep | None, str, int], bool]


@dataclass(frozen=True, slots=True)
class Filter:
    """A parsed filter; without terms everything passes."""

    text: str
    tests: tuple[Test, ...]
    problems: tuple[str, ...] = ()
    """The problems of invalid terms, which are ignored."""

    def accepts(self, task: TaskRun, step: MissionStep | None, bucket: str, now: int) -> bool:
        """Tell whether a task run passes; `bucket` is the word of its bucket."""
        return all(test(task, step, bucket, now) for test in self.tests)

    def __bool__(self) -> bool:
        return bool(self.tests)


def parse_filter(text: str) -> Filter:
    """Parse a filter. Nothing is raised: invalid terms are reported in `problems`."""
    terms, problems = parse_terms(text, _FIELDS, _MEASURES)
    tests = []
    for term in terms:
        problem = _problem(term)
        if problem:
            problems.append(problem)
        else:
            test = _test(term)
            tests.append(test if term.wanted else _negated(test))
    return Filter(text, tuple(tests), tuple(problems))


def _problem(term: Term) -> str:
    """Return the problem of a term that no step can ever match, empty for none."""
    for value in term.values:
        if term.field == "state" and not any(state.startswith(value) for state in _STATES):
            return one_of(value, _SHOWN_STATES)
        if term.field == "reason" and not any(value in reason.value.lower() for reason in Reason):
            return f"{value} is in no reason code"
    return ""


def _negated(test: Test) -> Test:
    return lambda task, step, bucket, now: not test(task, step, bucket, now)


def _test(term: Term) -> Test:
    values = term.values
    match term.field:
        case "state":
            return _state(tuple(_WORDS.get(value, value) for value in values))
        case "reason":
            return lambda task, _s, _b, _n: any(
                value in task.reason_code.value.lower() for value in values
            )
        case "type":
            return lambda _t, step, _b, _n: (
                step is not None and any(value in step.step_type.lower() for value in values)
            )
        case "id":
            return lambda task, _s, _b, _n: any(value in task.task_id.lower() for value in values)
        case "":
            return _text(term.value)
        case measure:
            return _comparison(measure, term.sign, seconds_of(term.value))


def _state(wanted: tuple[str, ...]) -> Test:
    def test(task: TaskRun, _step: MissionStep | None, bucket: str, _now: int) -> bool:
        state, place = task.state.value.lower(), bucket
        return any(state.startswith(part) or place.startswith(part) for part in wanted)

    return test


def _comparison(field: str, sign: str, limit: float) -> Test:
    def test(task: TaskRun, _step: MissionStep | None, _bucket: str, now: int) -> bool:
        if field == "dur":
            value = elapsed(task.worked_from, task.worked_until, now, task.worked_us)
            return value is not None and is_compared(value, sign, limit)
        return is_compared(float(task.attempt), sign, limit)

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
