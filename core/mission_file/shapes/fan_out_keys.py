"""The keys `foreach` and `matrix` of a step: what it runs once for each of."""

from typing import Any

from core.domain.mission import MATRIX_EXCLUDE, MATRIX_INCLUDE
from core.mission_file.finding.code import Code
from core.mission_file.finding.problem import Path, Problems
from core.mission_file.finding.value_check import INVALID, VARIABLE_NAME, wrong_type

_SPECIAL = (MATRIX_INCLUDE, MATRIX_EXCLUDE)


def check_foreach(value: Any, path: Path, problems: Problems) -> Any:
    """Check `foreach`: a list, or an expression that gives one."""
    from core.expression.template import has_template  # rarely needed, and slow to load

    if value.__class__ is list or (value.__class__ is str and has_template(value)):
        return value
    return wrong_type(value, path, problems, "a list, or one template that gives a list")


def check_matrix(value: Any, path: Path, problems: Problems) -> Any:
    """Check `matrix`: names, each with a list of values or an expression that gives one."""
    if value.__class__ is not dict or not value:
        return wrong_type(value, path, problems, "a mapping of names to lists")
    good = True
    for name, values in value.items():
        if not VARIABLE_NAME.fullmatch(name):
            problems.error(
                Code.BAD_ID, f"`{name}` is not a valid name for an axis", (*path, name), on_key=True
            )
            good = False
        check = _check_combinations if name in _SPECIAL else check_foreach
        good = check(values, (*path, name), problems) is not INVALID and good
    if good and set(value) == {MATRIX_EXCLUDE}:
        problems.error(Code.BAD_VALUE, "`exclude` leaves out of a matrix that has no names", path)
        return INVALID
    return value if good else INVALID


def _check_combinations(value: Any, path: Path, problems: Problems) -> Any:
    """Check `include` or `exclude` of a matrix: mappings of names to values, or a template."""
    if check_foreach(value, path, problems) is INVALID:
        return INVALID
    if value.__class__ is str:
        return value
    good = True
    for index, entry in enumerate(value):
        if entry.__class__ is not dict or not entry:
            wrong_type(entry, (*path, index), problems, "a mapping of names to values")
            good = False
            continue
        for name in entry:
            if not VARIABLE_NAME.fullmatch(name):
                place = (*path, index, name)
                problems.error(
                    Code.BAD_ID, f"`{name}` is not a valid name for an axis", place, on_key=True
                )
                good = False
    return value if good else INVALID
