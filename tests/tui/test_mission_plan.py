"""A mission file before it runs, as lines."""

from tui.lines.mission_plan import finding_lines
from tui.live.backend import Finding


def a_warning(line: int, message: str = "a template inside shell text") -> Finding:
    return Finding(
        severity="warning", code="SHELL_TEMPLATE", message=message, line=line, column=7, hint="why"
    )


def test_a_finding_that_is_at_several_places_is_told_once_with_all_of_them() -> None:
    lines = finding_lines([a_warning(6), a_warning(9), a_warning(12, "another")])
    assert ["".join(text for text, _style in line) for line in lines] == [
        "warning 6:7, 9:7 SHELL_TEMPLATE  a template inside shell text",
        "  why",
        "warning 12:7 SHELL_TEMPLATE  another",
        "  why",
    ]


def test_of_many_places_of_a_finding_some_are_named() -> None:
    (line, _hint) = finding_lines([a_warning(number) for number in range(1, 9)])
    assert line[1] == ("1:7, 2:7, 3:7, 4:7, 5:7 and 3 more SHELL_TEMPLATE  ", "faint")
