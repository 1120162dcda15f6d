"""Statements of Cedar files, and the lines of what is wrong in them."""

import subprocess
import sys

import pytest

from core.errors import PolicyFileError
from core.security.policy.cedar_statement import MAX_NESTING, split

READ_IN_A_SMALL_THREAD = """
import sys, threading
from pathlib import Path
from core.security.policy.policy_file import Layer, PolicyFile
from core.security.policy.policy_rule import read_rules
threading.stack_size(512 * 1024)
file = PolicyFile(Layer.HOME, Path("x.cedar"), sys.argv[1], "")
thread = threading.Thread(target=lambda: print(len(read_rules(file))))
thread.start()
thread.join()
"""


def test_statements_are_split_where_cedar_ends_them() -> None:
    text = '// a; b\n@id("x;y") forbid(principal,\n action, resource);\n\n permit (\n'
    first, second = split(text)
    assert (first.line, first.effect, first.identifier) == (2, "forbid", "x;y")
    assert first.text.startswith("@id")
    assert first.text.endswith("resource);")
    assert (second.line, second.effect, second.identifier) == (5, "permit", None)


def test_a_carriage_return_ends_a_comment_as_it_does_in_cedar() -> None:
    [only] = split("// old Mac\rforbid(principal, action, resource);\r")
    assert only.text == "forbid(principal, action, resource);"


def test_a_quote_or_comment_mark_within_a_text_is_no_token() -> None:
    [only] = split(r'forbid(principal, action, resource) when { "a\"; // b" == "" };')
    assert only.text.endswith("};")


@pytest.mark.parametrize("opening", ["(", "[", "{", "if "])
def test_nesting_that_would_crash_the_parser_is_an_error(opening: str) -> None:
    with pytest.raises(PolicyFileError, match=r"^2: nested more than"):
        split("\n" + opening * (MAX_NESTING + 1))


@pytest.mark.parametrize("text", [r'@id("a\nb")', '@id("")', f'@id("{"x" * 101}")', '@id("a\tb")'])
def test_an_id_is_one_plain_line(text: str) -> None:
    [only] = split(f"{text} forbid(principal, action, resource);")
    with pytest.raises(PolicyFileError, match="@id"):
        _ = only.identifier


def test_what_may_be_nested_is_parsed_on_the_stack_of_a_small_thread() -> None:
    deep = "if (" * (MAX_NESTING - 1) + "true" + ") then true else false" * (MAX_NESTING - 1)
    text = f"forbid(principal, action, resource) when {{ {deep} }};"
    done = subprocess.run(
        [sys.executable, "-c", READ_IN_A_SMALL_THREAD, text],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "1\n"), done.stderr


def test_other_annotations_are_passed_over() -> None:
    [only] = split('@advice("x") @flag @id("y") forbid(principal, action, resource);')
    assert (only.effect, only.identifier) == ("forbid", "y")
