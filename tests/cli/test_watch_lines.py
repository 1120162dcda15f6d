"""Watching without a screen says what the screen says: sums, sentences, and what can be done."""

import re
from pathlib import Path

import pytest

from tests.support.cli import Inside

MISSION = """
version: "1.0"
name: release
config: {fail_fast: false, parallel_limit: 20}
steps:
  - {id: build, step_type: noop}
  - id: each
    depends_on: [build]
    foreach: [%s]
    run: 'test "$ITEM" -lt 20 || { echo "Error: host $ITEM refused" >&2; exit 3; }'
    env: {ITEM: "{{ item }}"}
  - {id: few, depends_on: [build], foreach: [a, b], step_type: noop}
  - {id: ask, step_type: approval, depends_on: [build],
     parameters: {prompt: "Ship it?", approvers: [ada], timeout: 0.2s}}
  - {id: ship, step_type: noop, depends_on: [each]}
%s
"""


def test_what_is_many_is_summed_up_and_what_is_to_be_done_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    inside = Inside(tmp_path / "home", monkeypatch, capfd)
    monkeypatch.chdir(tmp_path)
    after = "\n".join(
        f"  - {{id: after-{number}, step_type: noop, depends_on: [ship]}}" for number in range(12)
    )
    text = MISSION % (", ".join(map(str, range(24))), after)
    (tmp_path / "m.yaml").write_text(text, encoding="utf-8")
    assert inside("run", "m.yaml", "-q").code == 1

    told = inside("watch", "@last", "--plain")
    assert told.code == 1
    lines = told.out.splitlines()
    (first,) = [line for line in lines if "  each[" in line and line[:1].isdigit()]
    assert re.search(r"✗ failed +each\[2\d\] 2\d  exit 3: Error: host 2\d refused", first)
    assert "              24 items: 20 done, 4 failed" in lines
    assert "  ×4 exit 3: Error: host … refused (each[20], each[21], each[22], each[23])" in told.out
    assert "few[0] a  attempt 1" in told.out
    assert "13 steps do not run: ship, after-0, after-1, after-2, after-3 and 8 more" in told.out
    assert "⊘ skipped    13 steps behind what failed  ship, after-0" in told.out
    assert "↻ needs approval  ask" in told.out
    assert "mission approve" not in told.out  # it is over
    assert "  23 more items: mission show release#1 --all" in lines
    assert "again: mission retry release#1" in told.out

    every = inside("watch", "@last", "--output", "live").out
    assert every.count("attempt 1") == 24 + 2 + 2


def test_an_open_question_says_who_may_answer_and_how(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    inside = Inside(tmp_path / "home", monkeypatch, capfd)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.yaml").write_text(
        'version: "1.0"\nname: asks\nsteps:\n  - {id: ask, step_type: approval, parameters:'
        ' {prompt: "Ship it?", approvers: [ada], inputs: {tag: {required: true}}}}\n'
    )
    assert inside("run", "m.yaml", "--detach").code == 0
    seen = inside("watch", "@last", "--plain", "--timeout", "0.3")
    assert seen.code == 6
    assert "ask: ada may answer, you may not" in seen.out
    assert "mission approve asks#1 ask -i tag=…   or   mission reject asks#1 ask" in seen.out
    assert inside("cancel", "@last", "--wait").code in (0, 5)
    ended = inside("watch", "@last", "--plain").out
    assert "mission approve" not in ended
    assert "again: mission retry asks#1" in ended
