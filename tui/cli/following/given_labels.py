"""Labels and titles as they are given on the command line."""

from collections.abc import Mapping, Sequence

from core.errors import UsageError
from core.ports.execution_query import LabelCondition
from core.value.label import MAX_LABELS, line_problem, name_problem
from tui.search.label_term import label_condition


def given_labels(pairs: Sequence[str]) -> Mapping[str, str] | None:
    """Return the labels of `-l NAME=VALUE`, None without any; `UsageError` for a bad one."""
    if not pairs:
        return None
    from core.operations.mission_order import parse_pairs  # a list of executions needs none of it

    found = parse_pairs(pairs, option="-l", what="label")
    if len(found) > MAX_LABELS:
        raise UsageError(f"more than {MAX_LABELS} labels")
    for name, value in found.items():
        problem = name_problem(name)
        if problem is not None:
            raise UsageError(f"{name!r} is not a valid name for a label", hint=f"it {problem}")
        _require_line(value, f"the label {name}")
    return found


def given_title(title: str | None) -> str | None:
    """Return the title of an execution; `UsageError` for one that is no line of text."""
    if title is not None:
        _require_line(title, "the title")
    return title


def wanted_labels(words: Sequence[str]) -> tuple[LabelCondition, ...]:
    """Return the labels that are looked for, see `label_condition`; `UsageError` for a bad name."""
    try:
        return tuple(map(label_condition, words))
    except ValueError as error:
        raise UsageError(f"-l: {error}") from error


def _require_line(value: str, what: str) -> None:
    problem = line_problem(value)
    if problem is not None:
        raise UsageError(f"{what} {problem}")
