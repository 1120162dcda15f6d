"""A mission with included files is recorded as a whole: nothing later needs the files again."""

import shutil
from pathlib import Path

import pytest

from tests.support.cli import Inside

MAIN = """version: "1.0"
name: main
include: [parts/steps.yaml]
steps:
  - {id: first, use: say, with: {word: hello}}
"""
PART = """templates:
  say: {params: {word: {required: true}}, step: {env: {WORD: "{{ with.word }}"}, run: echo "$WORD"}}
steps:
  - {id: second, depends_on: first, run: test -e second}
"""


def test_a_retry_a_verification_and_the_evidence_need_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "main.yaml").write_text(MAIN)
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts/steps.yaml").write_text(PART)
    look = Inside(tmp_path / "home", monkeypatch, capfd)
    assert look("run", "main.yaml", "--json").code == 1
    shutil.rmtree(tmp_path / "parts")
    (tmp_path / "main.yaml").unlink()
    (tmp_path / "second").touch()
    again = look("retry", "@last", "--watch", "--json")
    assert again.code == 0, again
    assert look("audit", "verify").code == 0
    assert look("audit", "export", "@last", "--output", "evidence.zip").code == 0
    assert look("audit", "verify", "evidence.zip").code == 0


def test_what_is_wrong_in_an_included_file_is_told_with_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "main.yaml").write_text(MAIN)
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts/steps.yaml").write_text(PART.replace("run: test", "rum: test"))
    told = Inside(tmp_path / "home", monkeypatch, capfd)("validate", "main.yaml")
    assert told.code == 3
    assert "parts/steps.yaml:4:" in told.out + told.err
