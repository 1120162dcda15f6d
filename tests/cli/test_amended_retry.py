"""A retry with other parameters, another definition, or an outcome that a person has set."""

from pathlib import Path

import pytest

from tests.support.cli import Inside

MISSION = """\
version: "1.0"
name: nightly
params:
  limit: {type: integer, default: 5}
steps:
  - {id: first, name: First, step_type: noop}
  - id: check
    name: Check
    step_type: assert
    depends_on: [first]
    timeout_seconds: 20
    parameters: {that: "{{ params.limit < 3 }}"}
  - {id: last, name: Last, step_type: noop, depends_on: [check]}
"""


@pytest.fixture
def inside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Inside:
    found = Inside(tmp_path / "home", monkeypatch, capfd)
    file = tmp_path / "nightly.yaml"
    file.write_text(MISSION)
    assert found("run", str(file)).code == 1
    return found


def test_an_amended_retry_is_recorded_and_shown_and_verifies(inside: Inside) -> None:
    changes = ("--set", "check.timeout_seconds=60", "-p", "limit=2")
    planned = inside("retry", "nightly#1", *changes, "--dry-run", "--json").json
    assert planned["run"] == ["check", "last"]
    assert planned["reused"] == ["first"]
    told = [(one["aspect"], one["name"]) for one in planned["amended"]]
    assert told == [("file", ""), ("definition", "timeout_seconds"), ("parameter", "limit")]
    assert len(inside("ls", "--json").json) == 1, "a dry run starts nothing"
    ran = inside("retry", "nightly#1", *changes, "--reason", "too strict", "--watch")
    assert ran.code == 0
    assert "amended: step `check`, definition `timeout_seconds`: 20 → 60" in ran.err
    assert "amended parameter limit: 5 → 2" in inside("show", "nightly#2").out
    assert "amended what the retry runs" in inside("audit", "show", "nightly#2").out
    before, after = (inside("show", f"nightly#{n}", "--json").json for n in (1, 2))
    assert before["mission_digest"] != after["mission_digest"]
    assert before["params"] == {"limit": 5}
    assert inside("audit", "verify").code == 0
    ran = inside("retry", "nightly#2", "--set", "check.timeout_seconds=1", "--dry-run")
    assert ran.code == 7, "nothing is left to retry"


def test_an_outcome_set_by_hand_counts_as_success_and_says_by_whom(inside: Inside) -> None:
    assert inside("retry", "nightly#1", "--set-success", "check").code == 2
    assert inside("retry", "nightly#1", "--set-success", "first", "--reason", "x").code == 7
    assert inside("retry", "nightly#1", "--set-success", "chekc", "--reason", "x").code == 4
    ran = inside("retry", "nightly#1", "--set-success", "check", "--reason", "by hand", "--watch")
    assert ran.code == 0
    assert "set to success: 1 step: check" in ran.err
    check = inside("show", "nightly#2", "check", "--json").json
    assert (check["state"], check["reason_code"], check["message"]) == (
        "SUCCESS",
        "SET_BY_HAND",
        "by hand",
    )
    assert check["attempts"] == []
    why = inside("why", "nightly#2", "check").out
    assert "a person has set its outcome: by hand" in why
    assert inside("show", "nightly#2", "--json").json["coverage"] == "full"
    assert inside("audit", "verify").code == 0


def test_the_mission_is_edited_in_the_users_editor(
    inside: Inside, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\nsed -i "s/limit < 3/limit < 9/" "$1"\n')
    editor.chmod(0o755)
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", str(editor))
    ran = inside("retry", "nightly#1", "--edit", "--dry-run")
    assert "amended: step `check`, definition `parameters.that`" in ran.out
    editor.write_text("#!/bin/sh\nexit 0\n")
    assert "amended" not in inside("retry", "nightly#1", "--edit", "--dry-run").out
    editor.write_text('#!/bin/sh\necho "nonsense" > "$1"\n')
    assert inside("retry", "nightly#1", "--edit", "--dry-run").code == 3
    editor.write_text("#!/bin/sh\nexit 1\n")
    assert inside("retry", "nightly#1", "--edit", "--dry-run").code == 2
