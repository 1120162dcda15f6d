"""The keys that say what may run at once: `concurrency`, `config.priority`, `mutex` of a step."""

from typing import Any

from core.domain.mission import Concurrency, GroupPolicy
from core.mission_file.finding.code import Code
from core.mission_file.finding.problem import Path, Problems
from core.mission_file.finding.value_check import (
    INVALID,
    Key,
    check_mapping,
    label,
    mapping_schema,
    one_of,
    text,
    whole,
)
from core.mission_file.keys.json_schema import TEXT, integer

MAX_NAME_CHARACTERS = 200
MAX_PRIORITY = 1_000


def _check_group(value: Any, path: Path, problems: Problems) -> Any:
    """Check a name whose templates may use parameters and variables of the mission alone."""
    from core.expression.template import TemplateSyntaxError, references

    name = text(MAX_NAME_CHARACTERS)(value, path, problems)
    if name is INVALID:
        return INVALID
    try:
        roots = {reference[0] for reference in references(name)}
    except TemplateSyntaxError as error:
        problems.error(Code.BAD_VALUE, f"{label(path)}: {error}", path)
        return INVALID
    for root in sorted(roots - {"params", "vars", "mission"}):
        problems.error(
            Code.BAD_VALUE,
            f"{label(path)} uses `{root}`, which is not known before the mission starts",
            path,
            hint="a group may use params, vars and mission",
        )
        return INVALID
    return name


CONCURRENCY_KEYS = {
    "group": Key(
        check=_check_group,
        doc="The name of the group. Of all executions in it, of any mission, one runs at a time.",
        schema=TEXT,
        required=True,
        example='"deploy-{{ params.env }}"',
        synonyms=("key", "name"),
    ),
    "policy": Key(
        check=one_of(GroupPolicy),
        doc="What an execution does while another one of the group runs or waits: queue, it waits"
        " for its turn; refuse, it does not run; cancel, it cancels those before it and runs then.",
        schema={"enum": [choice.value for choice in GroupPolicy]},
        default="queue",
        example="cancel",
        synonyms=("mode", "on_conflict"),
    ),
}


def check_concurrency(value: Any, path: Path, problems: Problems) -> Any:
    """Check the concurrency group of a mission; its name alone may stand for it."""
    if value.__class__ is str:
        group = _check_group(value, path, problems)
        return INVALID if group is INVALID else Concurrency(group=group)
    fields = check_mapping(value, path, problems, CONCURRENCY_KEYS, "`concurrency`")
    if fields is INVALID or INVALID in fields.values() or "group" not in fields:
        if fields is not INVALID and "group" not in fields:
            problems.error(Code.MISSING_KEY, "`concurrency` needs a `group`", path)
        return INVALID
    return Concurrency(**fields)


CONCURRENCY = Key(
    check=check_concurrency,
    doc="The group of executions, of this and other missions, that run one after another.",
    schema={"anyOf": [TEXT, mapping_schema(CONCURRENCY_KEYS)]},
    default="no group: any number of executions run at once",
    example="{group: deploy, policy: queue}",
    synonyms=("concurrency_group", "max_active_runs"),
)

PRIORITY = Key(
    check=whole(-MAX_PRIORITY, MAX_PRIORITY),
    doc="Who goes first where executions wait for each other, in a group or for a mutex: the"
    " highest; among equals the one that has waited longest.",
    schema=integer(-MAX_PRIORITY, MAX_PRIORITY),
    default="0",
    example="10",
    synonyms=("prio",),
)

MUTEX = Key(
    check=text(MAX_NAME_CHARACTERS),
    doc="A name that at most one attempt of all executions has at a time: the step waits, without a"
    " slot, until it is free.",
    schema=TEXT,
    default="no mutex",
    example="database",
    synonyms=("lock", "resource_group", "semaphore"),
)
