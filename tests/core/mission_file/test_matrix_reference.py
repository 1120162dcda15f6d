"""The names that templates may use of a matrix: its axes, and what `include` adds."""

import pytest

from core.mission_file.finding.code import Code
from core.mission_file.load import load_mission

AXES = "os: [a, b], n: [1, 2]"


def codes(matrix: str, text: str) -> list[Code]:
    loaded = load_mission(
        'version: "1.0"\nname: m\nparams: {more: {}}\nsteps:\n'
        f'  - id: a\n    matrix: {{{matrix}}}\n    run: x\n    env:\n      V: "{text}"\n'
    )
    assert all((one.line, one.column > 9) == (9, True) for one in loaded.diagnostics)
    return [one.code for one in loaded.diagnostics]


@pytest.mark.parametrize(
    ("matrix", "text", "found"),
    [
        (AXES, "{{ matrix.os }}{{ matrix['n'] }}", []),
        (AXES, "{{ matrix.oss }}", [Code.UNKNOWN_NAME]),
        (f"{AXES}, exclude: [{{os: a, n: 1}}]", "{{ matrix.exclude }}", [Code.UNKNOWN_NAME]),
        (f"{AXES}, include: [{{os: a, x: 1}}]", "{{ matrix.x }}", [Code.PARTIAL_NAME]),
        (f"{AXES}, include: [{{os: a, x: 1}}]", "{{ matrix.x|default(0) }}", []),
        (f"{AXES}, include: [{{x: 1}}]", "{{ matrix.x }}", []),
        ("include: [{x: 1}, {x: 2}]", "{{ matrix.x }}", []),
        (f"{AXES}, include: '{{{{ params.more }}}}'", "{{ matrix.anything }}", []),
    ],
)
def test_a_name_that_no_combination_has_is_an_error_and_one_that_some_have_a_warning(
    matrix: str, text: str, found: list[Code]
) -> None:
    assert codes(matrix, text) == found
