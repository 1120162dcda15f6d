"""`mission why EXEC STEP` says what has changed since the step last succeeded."""

from pathlib import Path

import pytest

from tests.support.cli import Inside

MISSION = """\
version: "1.0"
name: nightly
params:
  limit: {{type: integer, default: 5}}
steps:
  - id: check
    name: check
    step_type: assert
    timeout_seconds: {timeout}
    parameters: {{that: "{{{{ params.limit < 10 }}}}"}}
"""


def test_why_says_what_changed_since_a_step_last_succeeded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    inside = Inside(tmp_path / "home", monkeypatch, capfd)
    file = tmp_path / "nightly.yaml"
    file.write_text(MISSION.format(timeout=30))
    assert inside("run", str(file)).code == 0
    ran = inside("why", "@last", "check")
    assert "no success of it is recorded in the earlier runs of this mission" in ran.out
    assert inside("why", "@last", "check", "--json").json["last_success"] is None
    file.write_text(MISSION.format(timeout=20))
    assert inside("run", str(file), "-p", "limit=12").code == 1
    out = inside("why", "@last", "check").out
    assert "last succeeded in nightly#1, " in out
    assert "mission file" not in out, "its definition is told"
    assert "changed: definition `timeout_seconds`: 30 → 20" in out
    assert "changed: parameter `limit`: 5 → 12" in out
    found = inside("why", "@last", "check", "--json").json["last_success"]
    assert (found["reference"], found["success_count"]) == ("nightly#1", 1)
    assert [one["aspect"] for one in found["changes"]][:2] == ["file", "definition"]
    assert inside("run", str(file)).code == 0
    assert inside("run", str(file)).code == 0
    assert "nothing that is recorded has changed since then" in inside("why", "@last", "check").out
