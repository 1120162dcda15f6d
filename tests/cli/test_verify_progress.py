"""The progress of a verification: one line, on a terminal alone, removed at the end."""

import io
from collections.abc import Iterator

import pytest

from tui.cli.printing.verify_progress import VerifyProgress


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def shown(monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, instants: list[float]) -> str:
    clock: Iterator[float] = iter(instants)
    monkeypatch.setattr("sys.stderr", stream)
    with VerifyProgress(lambda: next(clock)) as progress:
        for number in range(1, len(instants)):
            progress.show(number * 1000, 500_000)
    return stream.getvalue()


def test_a_long_verification_shows_count_total_and_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    found = shown(monkeypatch, Terminal(), [0.0, 0.5, 1.0, 1.1, 1.25])
    assert found.split("\r\x1b[K") == [
        "",
        "2,000 of 500,000 events verified, 2,000 per second",
        "4,000 of 500,000 events verified, 3,200 per second",
        "",
    ]


def test_a_short_one_and_one_off_a_terminal_show_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(monkeypatch, Terminal(), [0.0, 0.2, 0.9]) == ""
    assert shown(monkeypatch, io.StringIO(), [0.0, 5.0, 9.0]) == ""
