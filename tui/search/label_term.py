"""A label that is looked for, as home and the command line write it: `team=data`, or `team`."""

from core.ports.execution_query import LabelCondition
from core.value.label import name_problem


def label_condition(text: str, *, wanted: bool = True) -> LabelCondition:
    """Return the condition of `NAME=VALUE`, or of `NAME` with any value.

    Raises `ValueError` for what cannot be the name of a label.
    """
    name, sign, value = text.partition("=")
    problem = name_problem(name)
    if problem is not None:
        raise ValueError(f"{name!r} is not the name of a label, which {problem}")
    return LabelCondition(name, value if sign else None, wanted)
