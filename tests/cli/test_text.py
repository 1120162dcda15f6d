"""What reaches a terminal, and how wide it is."""

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.state_word import state_word
from core.domain.states import AttemptState, ExecutionState, TaskState
from core.value.terminal_text import width_of
from core.value.timestamp import SECOND_NS, rfc3339
from tui.cli.printing.console import Console
from tui.output.ansi_colours import Palette, styled_state
from tui.output.json_document import dump
from tui.output.table import Cell, Column, table
from tui.words.numbers import ago, parse_since
from tui.words.safe_text import cut, pad, safe, safe_line
from tui.words.state_glyphs import is_utf8_terminal

ANY_TEXT = st.text(st.characters(exclude_categories=()))


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("plain", "plain"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07x", "x"),
        ("\x1b]52;c;cm0gLXJm\x1b\\x", "x"),
        ("\x1b]8;;https://evil\x1b\\click\x1b]8;;\x1b\\", "click"),
        ("\x1bP1$r\x1b\\x", "x"),
        ("\x9b31mred", "red"),
        ("\x1b(Bx\x1b=y\x1b7z", "xyz"),
        ("lonely \x1b", "lonely ␛"),
        ("bell\x07", "bell␇"),
        ("over\rwritten", "over␍written"),
        ("right\u202eleft", "right\\u202eleft"),
        ("\u2066iso\u2069", "\\u2066iso\\u2069"),
        ("zero\u200bwidth\ufeff", "zero\\u200bwidth\\ufeff"),
        ("soft\u00adhyphen", "soft\\u00adhyphen"),
        ("half \ud800", "half \\ud800"),
        ("c1 \x85", "c1 \\u0085"),
        ("tag \U000e0041", "tag \\udb40\\udc41"),
        ("[red]markup[/]", "[red]markup[/]"),
        ("größe 日本 👩‍🚀", "größe 日本 👩‍🚀"),
    ],
)
def test_what_would_steer_a_terminal_is_dropped_or_made_visible(raw: str, shown: str) -> None:
    assert safe(raw) == shown
    assert safe_line(raw) == shown


def test_lines_and_tabs_stay_in_text_and_show_in_a_line() -> None:
    assert safe("a\n\tb") == "a\n\tb"
    assert safe_line("a\n\tb") == "a␊␉b"


@given(ANY_TEXT)
def test_no_text_gets_a_control_character_past_the_filter(raw: str) -> None:
    forbidden = set(map(chr, [*range(9), *range(0x0B, 0x20), *range(0x7F, 0xA0)]))
    forbidden |= set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c")
    assert not forbidden & set(safe(raw))
    assert not (forbidden | {"\n", "\t"}) & set(safe_line(raw))
    safe(raw).encode()


@given(st.recursive(ANY_TEXT | st.integers() | st.none(), st.lists, max_leaves=5))
def test_json_says_the_same_with_its_dangerous_characters_escaped(value: object) -> None:
    text = dump(value)
    assert json.loads(text) == value
    text.encode()
    assert not set(text) & {"\x7f", "\x85", "\x9b", "\u202e", "\u2066", "\u2028"}


@pytest.mark.parametrize(
    ("text", "width"),
    [
        ("abc", 3),
        ("日本", 4),
        ("e\u0301", 1),
        ("👍", 2),
        ("❤\ufe0f", 2),
        ("👩‍🚀", 2),
        ("", 0),
    ],
)
def test_width_is_counted_in_cells(text: str, width: int) -> None:
    assert width_of(text) == width


def test_fitting_never_exceeds_the_width() -> None:
    assert cut("日本語", 5) == "日本…"
    assert cut("日本語", 4) == "日…"
    assert cut("short", 10) == "short"
    assert cut("x", 0) == ""
    assert pad("日", 4) == "日  "
    assert pad("7", 3, right=True) == "  7"


@given(st.text(max_size=30), st.integers(1, 20))
def test_a_fitted_text_is_at_most_as_wide_as_asked(text: str, width: int) -> None:
    assert width_of(cut(safe_line(text), width)) <= width


def test_a_table_is_cut_only_where_a_width_is_given() -> None:
    plain = Palette(colour=False)
    columns = (Column("NAME", shrink=True), Column("N", right=True))
    rows: list[tuple[Cell | str, str]] = [(Cell("日本" * 20, ("red",)), "1"), ("b", "20")]
    free = table(columns, rows, plain)
    assert "日本" * 20 in free[1]
    narrow = table(columns, rows, plain, width=20)
    assert max(map(width_of, narrow)) <= 20
    assert narrow[2].split() == ["b", "20"]
    painted = table(columns, rows, Palette(colour=True), width=20)
    assert "\x1b[31m" in painted[1]


@pytest.mark.parametrize("state", [*ExecutionState, *TaskState, *AttemptState])
def test_every_state_has_a_glyph_of_one_cell_and_a_word_with_and_without_unicode(
    state: ExecutionState | TaskState | AttemptState,
) -> None:
    for unicode in (True, False):
        text, _ = styled_state(state, unicode=unicode)
        glyph, _, word = text.partition(" ")
        assert width_of(glyph) == 1
        assert word == state_word(state)
    assert styled_state(state, unicode=False)[0].isascii()


def test_without_colour_nothing_is_painted() -> None:
    assert Palette(colour=False).paint("x", "red") == "x"
    assert Palette(colour=True).paint("x", "red", "bold") == "\x1b[31;1mx\x1b[0m"


def test_instants_are_written_in_utc_with_nanoseconds() -> None:
    assert rfc3339(0) == "1970-01-01T00:00:00.000000000Z"
    assert rfc3339(1_737_374_782_001_002_003) == "2025-01-20T12:06:22.001002003Z"
    assert rfc3339(2**63) == "2262-04-11T23:47:16.854775808Z"


def test_ago_looks_both_ways() -> None:
    now = 10_000 * SECOND_NS
    assert ago(now, now) == "just now"
    assert ago(now - 200 * SECOND_NS, now) == "3m ago"
    assert ago(now + 8 * SECOND_NS, now) == "in 8s"


def test_spans_and_instants_are_read_and_nonsense_is_refused() -> None:
    now = 2_000_000_000 * SECOND_NS
    assert parse_since("90", now) == now - 90 * SECOND_NS
    assert parse_since("1h30m", now) == now - 5400 * SECOND_NS
    assert parse_since("500ms", now) == now - SECOND_NS // 2
    assert parse_since("5m", now) == now - 300 * SECOND_NS
    assert parse_since("1970-01-01T00:00:01Z", now) == SECOND_NS
    assert parse_since("1970-01-01T01:00:01+01:00", now) == SECOND_NS
    assert parse_since("9999-01-01T00:00:00Z", now) == 2**63 - 1
    assert parse_since("0001-01-01T00:00:00Z", now) == 0
    for wrong in ("", "soon", "5 fortnights", "٥m", "-5m", "1970-13-01T00:00:00Z"):
        with pytest.raises(ValueError):
            parse_since(wrong, now)


@pytest.mark.parametrize(
    ("environ", "is_utf8"),
    [
        ({}, True),
        ({"LC_ALL": "C"}, False),
        ({"LC_ALL": "POSIX"}, False),
        ({"LANG": "C"}, False),
        ({"LC_ALL": "C.UTF-8"}, True),
        ({"LANG": "de_DE.utf8@euro"}, True),
        ({"LANG": "de_DE.ISO-8859-1"}, False),
        ({"LC_ALL": "C.UTF-8", "MISSION_ASCII": "1"}, False),
        ({"LC_ALL": "", "LANG": "en_GB.UTF-8"}, True),
    ],
)
def test_the_locale_says_whether_a_terminal_takes_utf8(
    environ: dict[str, str], is_utf8: bool
) -> None:
    assert is_utf8_terminal(environ, "utf-8") is is_utf8


@pytest.mark.parametrize("environ", [{"LC_ALL": "C"}, {"MISSION_ASCII": "1"}])
def test_words_are_ascii_where_the_locale_is_and_data_stays_as_it_is(
    environ: dict[str, str],
) -> None:
    out, err = io.StringIO(), io.StringIO()
    console = Console(environ=environ, stdout=out, stderr=err)
    console.out("✗ née … 12 × a → b 世")
    console.say("‘gone’")
    console.out_raw("née\n")
    assert out.getvalue() == "x nee ~ 12 x a > b ??\nnée\n"
    assert err.getvalue() == "'gone'\n"


def test_a_column_that_can_be_done_without_goes_before_the_others_cannot_be_read() -> None:
    columns = (
        Column("RUN", shrink=True),
        Column("ID", dispensable=True),
        Column("WHY", shrink=True),
    )
    rows = [("a-rather-long-name#1", "01a226ac-2d", "something was not found")]
    assert "ID" in table(columns, rows, Palette(colour=False), width=36)[0]
    head, line = table(columns, rows, Palette(colour=False), width=32)
    assert head.split() == ["RUN", "WHY"]
    assert line == "a-rather-long-…  something was …"
