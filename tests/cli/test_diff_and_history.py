"""`mission diff` compares two runs; `mission history` tells of all of them."""

from pathlib import Path

import pytest

from tests.support.cli import Inside

MISSION = """\
version: "1.0"
name: nightly
params:
  limit: {{type: integer, default: 5}}
steps:
  - id: greet
    name: greet
    step_type: log
    parameters: {{message: "{said} {{{{ params.limit }}}}"}}
  - id: check
    name: check
    step_type: assert
    depends_on: [greet]
    timeout_seconds: {timeout}
    parameters: {{that: "{{{{ params.limit < 10 }}}}"}}
{more}"""


@pytest.fixture
def inside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Inside:
    return Inside(tmp_path / "home", monkeypatch, capfd)


def test_diff_tells_what_differs_from_the_last_success_and_history_how_all_ended(
    inside: Inside, tmp_path: Path
) -> None:
    file = tmp_path / "nightly.yaml"
    file.write_text(MISSION.format(said="hello", timeout=30, more=""))
    assert inside("run", str(file)).code == 0
    ran = inside("diff", "nightly#1")
    assert (ran.code, ran.out) == (4, "")
    assert "no run of 'nightly' before nightly#1" in ran.err
    assert "mission diff nightly#1 EXEC2" in ran.err
    more = "  - {id: extra, name: extra, step_type: noop}\n"
    file.write_text(MISSION.format(said="goodbye", timeout=20, more=more))
    assert inside("run", str(file), "-p", "limit=12").code == 1

    out = inside("diff", "nightly").out
    assert "nightly#2 (failed) compared with nightly#1 (done, " in out
    assert "parameter `limit`: 5 → 12" in out
    assert "definition `timeout_seconds`" in out
    assert "check: done → failed" in out
    assert "1 step only in the later one: extra" in out
    assert "- hello 5" in out
    assert "+ goodbye 12" in out
    assert "greet: output `message`: hello 5 → goodbye 12" in out
    assert "Log lines" not in inside("diff", "nightly", "--no-logs").out
    found = inside("diff", "nightly#2", "nightly#1", "--json").json
    assert (found["before"]["reference"], found["after"]["state"]) == ("nightly#1", "FAILED")
    assert {"file", "definition", "parameter", "outcome"} <= {
        one["aspect"] for one in found["changes"]
    }
    assert [one["task_id"] for one in found["steps"]] == ["greet", "check", "extra"]
    assert found["logs"]["differences"][0]["new"] == ["goodbye 12"]
    same = inside("diff", "nightly#1", "nightly#1").out
    assert "nothing that is recorded of what they were given differs" in same
    assert "both ended the same, step by step" in same

    assert inside("run", str(file)).code == 0
    assert inside("run", str(file)).code == 0
    out = inside("history", "nightly").out
    assert "succeeded in 3 of 4 decided runs" in out
    assert "not flaky: 1 repetition with the same file and parameters ended the same" in out
    lines = [line.split() for line in out.splitlines() if line.startswith("nightly#")]
    assert [line[0] for line in lines] == ["nightly#4", "nightly#3", "nightly#2", "nightly#1"]
    assert "file, limit" in out
    out = inside("history", "nightly", "check").out
    assert "check of nightly" in out
    assert "succeeded in 3 of 4" in out
    found = inside("history", "nightly", "extra", "--json").json
    assert (found["summary"]["runs"], found["summary"]["succeeded"]) == (3, 3)
    assert inside("history", "nightly", "chekc").code == 4
    assert inside("history", "nobody").code == 4
