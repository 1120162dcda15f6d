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


STOPPING = """\
version: "1.0"
name: stopping
steps:
  - {id: one, run: exec sleep 60}
  - {id: two, run: exec sleep 60}
  - {id: three, run: exec sleep 60}
  - {id: bad, run: 'echo broken >&2; exit 3'}
"""


def test_the_summary_has_the_step_that_failed_before_those_that_it_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.yaml").write_text(STOPPING)

    told = Inside(tmp_path / "home", monkeypatch, capfd)("run", "m.yaml").err

    assert told.splitlines()[3:7] == [
        "  ✗ bad: exit 3: broken",
        "  ◼ one: `bad` failed",
        "  ◼ two: `bad` failed",
        "  … 1 more step: 1 cancelled",
    ]
