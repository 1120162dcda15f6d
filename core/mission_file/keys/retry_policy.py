"""The keys of retry policies and their checks."""

from typing import Any

from core.domain.mission import RetryOn, RetryPolicy
from core.domain.reasons import Reason
from core.mission_file.finding.code import Code
from core.mission_file.finding.limit import MAX_ATTEMPTS
from core.mission_file.finding.problem import Path, Problems
from core.mission_file.finding.value_check import (
    INVALID,
    Key,
    check_interval,
    check_mapping,
    list_of,
    mapping_schema,
    number,
    one_of,
    whole,
    wrong_type,
)
from core.mission_file.keys.json_schema import DURATION, array, integer

RETRY_ON_KEYS = {
    "exit_codes": Key(
        check=list_of(whole(-64, 255)),
        doc="Exit codes that are retried; death by signal N is -N.",
        schema=array(integer(-64, 255)),
        default="[]",
        example="[75]",
    ),
    "reason_codes": Key(
        check=list_of(one_of(Reason)),
        doc="Reason codes of attempts that are retried, such as TIMEOUT.",
        schema=array({"enum": [reason.value for reason in Reason]}),
        default="[]",
        example="[TIMEOUT, EXIT_NONZERO]",
    ),
    "http_status": Key(
        check=list_of(whole(100, 599)),
        doc="HTTP status codes that are retried.",
        schema=array(integer(100, 599)),
        default="[]",
        example="[502, 503]",
    ),
}


def check_retry_on(value: Any, path: Path, problems: Problems) -> Any:
    """Check which failures are retried."""
    fields = check_mapping(value, path, problems, RETRY_ON_KEYS, "`retry_on`")
    return INVALID if fields is INVALID or INVALID in fields.values() else RetryOn(**fields)


RETRY_KEYS = {
    "max_attempts": Key(
        check=whole(1, MAX_ATTEMPTS),
        doc="How many attempts a step has in total; 1 means no retry.",
        schema=integer(1, MAX_ATTEMPTS),
        default="1",
        example="3",
        synonyms=("attempts", "retries", "max", "count", "limit", "max_retries"),
    ),
    "initial_interval": Key(
        check=check_interval,
        doc="The wait before the second attempt.",
        schema=DURATION,
        default="1 second",
        example="500ms",
        synonyms=("delay", "interval", "delay_seconds", "wait"),
    ),
    "backoff_coefficient": Key(
        check=number(1, 100),
        doc="The factor by which the wait grows after each attempt.",
        schema={"type": "number", "minimum": 1, "maximum": 100},
        default="2",
        example="1.5",
        synonyms=("backoff", "multiplier", "factor"),
    ),
    "max_interval": Key(
        check=check_interval,
        doc="The longest wait between two attempts.",
        schema=DURATION,
        default="100 × initial_interval",
        example="1m",
        synonyms=("max_delay",),
    ),
    "jitter": Key(
        check=number(0, 1),
        doc="The largest fraction of a wait, 0 to 1, by which it is shortened at random.",
        schema={"type": "number", "minimum": 0, "maximum": 1},
        default="0",
        example="0.2",
    ),
    "retry_on": Key(
        check=check_retry_on,
        doc="Which failures are retried: those named in any of its lists.",
        schema=mapping_schema(RETRY_ON_KEYS),
        default="every failure",
        example="{exit_codes: [75]}",
    ),
}


def check_retry(value: Any, path: Path, problems: Problems) -> Any:
    """Check a retry policy."""
    if value.__class__ is int:
        return wrong_type(
            value,
            path,
            problems,
            f"a mapping, such as {{max_attempts: {value}}}",
            hint="the first attempt counts, too",
        )
    fields = check_mapping(value, path, problems, RETRY_KEYS, "`retry`")
    if fields is INVALID or INVALID in fields.values():
        return INVALID
    first = fields.get("initial_interval", 1.0)
    longest = fields.setdefault("max_interval", 100.0 * first)
    if longest < first:
        problems.error(
            Code.OUT_OF_RANGE,
            "`max_interval` is shorter than `initial_interval`",
            (*path, "max_interval"),
        )
        return INVALID
    return RetryPolicy(**fields)
