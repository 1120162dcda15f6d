"""What a step's keys say of how it runs: items, repetitions, preconditions, files, service."""

from core.domain.mission import MissionStep
from core.expression.condition import precondition_line, without_braces
from core.value.duration import duration_text
from tui.words.safe_text import clean_line

MAX_VALUES = 6
"""Values of a list that are shown; the others are counted."""

Shape = tuple[str, str]
"""A name and a value, both safe to show."""


def shape_of(step: MissionStep) -> list[Shape]:
    """Return the lines about a step's shape, none for an ordinary step."""
    found: list[Shape] = []
    if step.template is not None:
        found.append(("template", clean_line(step.template)))
    if step.foreach is not None:
        found.append(("foreach", _values(step.foreach)))
    for name, values in (step.matrix or {}).items():
        found.append((f"matrix {clean_line(name)}", _values(values)))
    if step.max_parallel is not None:
        found.append(("at once", str(step.max_parallel)))
    found += [("requires", clean_line(precondition_line(one))) for one in step.preconditions]
    if step.mutex is not None:
        found.append(("mutex", clean_line(step.mutex)))
    for name, patterns in (
        ("reads", step.inputs),
        ("makes", step.outputs),
        ("keeps", step.artifacts),
    ):
        if patterns:
            found.append((name, _values(patterns)))
    if not step.idempotent:
        found.append(("repeatable", "no: a person is asked when its runner was lost"))
    if step.repeat is not None:
        until = step.repeat.until
        goal = "" if until is None else f"until {clean_line(without_braces(until))}, "
        pause = duration_text(step.repeat.every)
        found.append(("repeat", f"{goal}{step.repeat.limit} times at most, every {pause}"))
    if step.service:
        found.append(("service", _readiness(step)))
    return found


def _values(values: object) -> str:
    if not isinstance(values, list | tuple):
        return clean_line(str(values))
    shown = ", ".join(clean_line(str(value)) for value in values[:MAX_VALUES])
    return shown + (f" and {len(values) - MAX_VALUES} more" if len(values) > MAX_VALUES else "")


def _readiness(step: MissionStep) -> str:
    ready = step.ready
    if ready is None:
        return "ready as soon as it runs"
    for name in ("port", "url", "file", "log", "run"):
        value = getattr(ready, name)
        if value is not None:
            return f"ready by {name} {clean_line(value)}, within {duration_text(ready.timeout)}"
    return "ready as soon as it runs"
