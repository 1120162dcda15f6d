"""The key `repeat` of a step: its attempts are repeated until a condition holds."""

from typing import Any

from core.domain.mission import Repeat
from core.mission_file.finding.code import Code
from core.mission_file.finding.problem import Path, Problems
from core.mission_file.finding.value_check import (
    INVALID,
    Key,
    check_interval,
    check_mapping,
    mapping_schema,
    whole,
    wrong_type,
)
from core.mission_file.keys.json_schema import DURATION, integer

MAX_REPETITIONS = 10_000


def _check_until(value: Any, path: Path, problems: Problems) -> Any:
    if value.__class__ is not str:
        return wrong_type(value, path, problems, "text with an expression")
    if not value.strip():
        problems.error(Code.BAD_VALUE, "`until` is empty", path)
        return INVALID
    return value


REPEAT_KEYS = {
    "every": Key(
        check=check_interval,
        doc="The pause between the end of an attempt and the start of the next.",
        schema=DURATION,
        default="1 second",
        example="30s",
        synonyms=("interval", "interval_sec", "delay", "sleep"),
    ),
    "until": Key(
        check=_check_until,
        doc="An expression, true or false; `output` in it is that of the attempt that has just"
        " ended. Once it is true the step is done.",
        schema={"type": "string", "minLength": 1},
        default="never: the step is done after `max` attempts",
        example="output.parsed.state == 'ready'",
        synonyms=("condition", "while", "exit_when"),
    ),
    "max": Key(
        check=whole(1, MAX_REPETITIONS),
        doc="How many attempts may succeed without `until` being true; then the step fails"
        " (REPEATS_EXHAUSTED).",
        schema=integer(1, MAX_REPETITIONS),
        default="100",
        example="20",
        synonyms=("limit", "times", "count", "max_attempts"),
    ),
}


def check_repeat(value: Any, path: Path, problems: Problems) -> Any:
    """Check how a step is repeated."""
    fields = check_mapping(value, path, problems, REPEAT_KEYS, "`repeat`")
    if fields is INVALID or INVALID in fields.values():
        return INVALID
    if "until" not in fields and "max" not in fields:
        problems.error(
            Code.MISSING_KEY,
            "`repeat` needs `until`, `max`, or both",
            path,
            hint="`until` is an expression, such as output.exit_code == 0",
        )
        return INVALID
    return Repeat(**{"limit" if name == "max" else name: item for name, item in fields.items()})


REPEAT = Key(
    check=check_repeat,
    doc="How often an attempt that succeeded is repeated: every so many seconds, until a condition"
    " holds.",
    schema=mapping_schema(REPEAT_KEYS),
    default="once",
    example="{every: 30s, until: \"output.stdout == 'ready'\", max: 20}",
    synonyms=("repeat_policy", "poll", "repeat_until"),
)
