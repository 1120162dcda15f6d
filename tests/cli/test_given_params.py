"""Where the values of parameters come from, and which of them counts."""

from pathlib import Path

import pytest

from tests.support.cli import Inside

MISSION = """version: "1.0"
name: given
params: {a: {default: none}, b: {default: none}, c: {default: none}, n: {type: integer, default: 0}}
steps:
  - id: a
    step_type: log
    parameters: {message: "{{ params.a }} {{ params.b }} {{ params.c }} {{ params.n }}"}
"""


@pytest.fixture
def look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Inside:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "given.yaml").write_text(MISSION)
    return Inside(tmp_path / "home", monkeypatch, capfd)


def said(look: Inside) -> str:
    return look("logs", "given", "a").out.strip()


def test_a_single_value_goes_before_the_file_and_that_before_the_run(
    look: Inside, tmp_path: Path
) -> None:
    (tmp_path / "p.yaml").write_text("b: file\nc: file\na: null\n")
    (tmp_path / "p.json").write_text('{"n": 7}')
    assert look("run", "given.yaml", "-q", "--params-file", "p.json", "-p", "a=one").code == 0
    assert said(look) == "one none none 7"
    sources = ("--params-from", "given#1", "--params-file", "p.yaml", "-p", "c=hand")
    assert look("run", "given.yaml", "-q", *sources).code == 0
    assert said(look) == "one file hand 7"
    assert look("plan", "given.yaml", *sources).code == 0


@pytest.mark.parametrize(
    ("name", "text", "code", "message"),
    [
        ("p.yaml", "a: [", 2, "p.yaml:1:5: "),
        ("p.yaml", "a: 1\na: 2\n", 2, "p.yaml:2:1: "),
        ("p.yaml", "- a\n", 2, "has no mapping of parameters"),
        ("p.json", '{"a": ', 2, "p.json:1:"),
        ("p.yaml", "other: x\n", 2, "`other` is not a parameter"),
        ("p.yaml", "n: many\n", 2, "`n`: 'many' is not an integer"),
        ("gone.yaml", None, 4, "there is no parameter file gone.yaml"),
        (".", None, 2, "is a folder, not a parameter file"),
    ],
)
def test_a_file_that_is_wrong_is_refused_in_words(
    look: Inside, tmp_path: Path, name: str, text: str | None, code: int, message: str
) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    ran = look("run", "given.yaml", "--params-file", name)
    assert (ran.code, message in ran.err) == (code, True), ran.err


def test_a_run_that_is_not_there_gives_none(look: Inside) -> None:
    assert look("run", "given.yaml", "--params-from", "given#9").code == 4
