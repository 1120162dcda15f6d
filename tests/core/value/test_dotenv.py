"""The format of environment files: what is a value, and what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.value.dotenv import DotenvError, read_dotenv


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("", {}),
        ("\n  # only a comment\n\n", {}),
        ("A=b", {"A": "b"}),
        ("\ufeffexport A = b c  # told\r\nB=\r\n", {"A": "b c", "B": ""}),
        ("A=a#b\nB=# nothing\n", {"A": "a#b", "B": ""}),
        ("A='$B \\n #x'  # told\nB=\"a\\tb\\$C \\\"q\\\" \\\\\"\n", {
            "A": "$B \\n #x", "B": 'a\tb$C "q" \\',
        }),
        ("A=\"one\ntwo\"\nB='x\n\ny'\nA=last", {"A": "last", "B": "x\n\ny"}),
        ("A=$HOME/${B}\n", {"A": "$HOME/${B}"}),
        ("A=it's\n", {"A": "it's"}),
    ],
)  # fmt: skip
def test_a_file_gives_its_variables(text: str, values: dict[str, str]) -> None:
    assert read_dotenv(text) == values


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("A=1\nno sign\n", 2),
        ("1A=x", 1),
        ("A-B=x", 1),
        ("=x", 1),
        ("\n\nA='open\nB=1\n", 3),
        ("A=\"x\" y\n", 1),
        ("A=1\nB=\0", 2),
        ("A\n=x", 1),
    ],
)  # fmt: skip
def test_what_is_none_is_refused_with_its_line(text: str, line: int) -> None:
    with pytest.raises(DotenvError) as caught:
        read_dotenv(text)
    assert caught.value.line == line


@given(st.text(alphabet="A=b'\"\\\n #$\r", max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    line = 1
    try:
        read_dotenv(text)
    except DotenvError as error:
        line = error.line
    assert 1 <= line <= text.count("\n") + 1
