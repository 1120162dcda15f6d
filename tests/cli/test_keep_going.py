"""`run --keep-going` goes on after a failure with what does not depend on it, and is recorded."""

from pathlib import Path

import pytest

from tests.support.cli import Inside

MISSION = """\
version: "1.0"
name: mixed
config: {parallel_limit: 1}
steps:
  - {id: bad, run: 'exit 3'}
  - {id: behind, step_type: noop, depends_on: [bad]}
  - {id: other, step_type: noop}
"""


def test_what_does_not_depend_on_a_failure_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.yaml").write_text(MISSION)
    inside = Inside(tmp_path / "home", monkeypatch, capfd)

    stopped = inside("run", "m.yaml", "--json")
    gone_on = inside("run", "m.yaml", "--json", "--keep-going")

    assert (stopped.code, gone_on.code) == (1, 1)
    states = {
        name: [ran.json["step_results"][name]["status"] for ran in (stopped, gone_on)]
        for name in ("bad", "behind", "other")
    }
    assert states == {
        "bad": ["Failed", "Failed"],
        "behind": ["Skipped", "Skipped"],
        "other": ["Skipped", "Completed"],
    }
    assert [ran.json["overall_status"] for ran in (stopped, gone_on)] == [
        "Failed",
        "Partial",
    ]
    created = inside("show", "mixed#2", "--json").json["audit_events"][0]
    assert created["details"]["keep_going"] is True
    assert inside("audit", "verify").code == 0
