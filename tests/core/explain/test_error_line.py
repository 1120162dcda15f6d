"""The line of a failure's output that says most."""

import time

import pytest

from core.explain.error_line import MAX_CHARACTERS, error_line


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", None),
        ("\n  \n\t\n", None),
        ("one\ntwo\n\n", "two"),
        (
            "Traceback (most recent call last):\n  File x\nValueError: bad input\n",
            "ValueError: bad input",
        ),
        (
            "x.c:3:5: error: expected ';'\n    3 | int x\n      |     ^\n",
            "x.c:3:5: error: expected ';'",
        ),
        (
            "x.c:3:5: error: expected ';'\nmake: *** [Makefile:2: all] Error 1\n",
            "x.c:3:5: error: expected ';'",
        ),
        ("make[2]: *** [all] Error 2\n", "make[2]: *** [all] Error 2"),
        ("error[E0308]: mismatched types\n --> src/main.rs:2\n", "error[E0308]: mismatched types"),
        ("fatal: not a git repository\nhelp: see git help\n", "fatal: not a git repository"),
        ("FATAL no space left\nbye\n", "FATAL no space left"),
        ("npm ERR! code ELIFECYCLE\nsee the log\n", "npm ERR! code ELIFECYCLE"),
        ("panic: index out of range\n\ngoroutine 1 [running]:\n", "panic: index out of range"),
        (
            "Caused by: java.lang.IllegalStateException: no\n\tat A.main(A.java:3)\n",
            "Caused by: java.lang.IllegalStateException: no",
        ),
        ("2026-01-01 ERROR db: gone\nclosing\n", "2026-01-01 ERROR db: gone"),
        ("first Error: a\nsecond Error: b\ndone\n", "second Error: b"),
        ("0 errors, 2 warnings\nterrors\n", "terrors"),
        ("\x1b[31merror:\x1b[0m it broke\nnote\n", "error: it broke"),
        ("10%\r55%\rerror: lost the connection\r\n", "error: lost the connection"),
        ("10%\r55%\r\n", "55%"),
    ],
)
def test_the_line_that_tells(text: str, expected: str | None) -> None:
    assert error_line(text) == expected
    assert error_line(text.split("\n")) == expected


def test_a_long_line_is_cut() -> None:
    found = error_line("error: " + "x" * 10_000)
    assert found is not None
    assert len(found) == MAX_CHARACTERS
    assert found.endswith("…")


@pytest.mark.parametrize(
    "piece", ["a", "a.", "\x1b]", "\x1b[;", "\r", "make: *** Error ", "error["]
)
def test_hostile_lines_take_no_time(piece: str) -> None:
    before = time.monotonic()
    error_line(piece * (4096 // len(piece)))
    assert time.monotonic() - before < 0.5
