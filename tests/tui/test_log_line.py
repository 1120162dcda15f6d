"""How severe a line is, and what a JSON record says."""

import json
import re

import pytest

from core.value.regex import compile_pattern
from tui.words.log_line import (
    ERROR_LINES,
    WARNING_LINES,
    JsonLine,
    Severity,
    json_line,
    severity_of,
)

LINES = [
    ("2025-01-20 ERROR could not connect", Severity.ERROR),
    ("ValueError: no such column", Severity.ERROR),
    ("error[E0308]: mismatched types", Severity.ERROR),
    ('{"level":"error","msg":"x"}', Severity.ERROR),
    ('{"level": 50, "msg": "x"}', Severity.ERROR),
    ("ts=1 level=error msg=x", Severity.ERROR),
    ("CRITICAL disk is full", Severity.ERROR),
    ("warning: unused import", Severity.WARNING),
    ("WARN retrying", Severity.WARNING),
    ('{"severity":"WARNING","message":"x"}', Severity.WARNING),
    ("0 errors, all went well", Severity.NONE),
    ("terrors of the night", Severity.NONE),
    ('{"level":"info","msg":"5000"}', Severity.NONE),
]


@pytest.mark.parametrize(("line", "severity"), LINES)
def test_lines_are_judged_by_their_words_and_the_same_in_a_search(
    line: str, severity: Severity
) -> None:
    assert severity_of(line) is severity
    assert compile_pattern(ERROR_LINES).is_found_in(line) == bool(re.search(ERROR_LINES, line))
    assert compile_pattern(WARNING_LINES).is_found_in(line) == bool(re.search(WARNING_LINES, line))


def test_a_record_is_shown_with_its_level_and_message_first() -> None:
    line = '{"time":"12:06","level":"warn","msg":"slow\\nquery","took_ms":4200,"sql":"select 1"}'
    found = json_line(line)
    assert found == JsonLine("WARN", "slow ⏎ query", 'time=12:06 took_ms=4200 sql="select 1"')
    assert found.text == 'WARN  slow ⏎ query  time=12:06 took_ms=4200 sql="select 1"'
    assert json_line('{"level":30,"msg":"up"}') == JsonLine("INFO", "up", "")


@pytest.mark.parametrize(
    "line",
    [
        "{}",
        "{",
        '{"a":1}',
        '["msg"]',
        '{"msg":7}',
        "{" * 9_000 + "}" * 9_000,
        '{"msg":"x"} more',
        "",
    ],
)
def test_what_is_no_record_with_a_message_stays_as_it_is(line: str) -> None:
    assert json_line(line) is None


def test_a_record_cannot_bring_escapes_onto_the_screen() -> None:
    line = json.dumps({"msg": "\x1b[2Jx\u202e", "k\x1b[31m": "\x1b]52;c;x\x07", "n": ["\x9b1m"]})
    found = json_line(line)
    assert found is not None
    assert found.text.isprintable()
