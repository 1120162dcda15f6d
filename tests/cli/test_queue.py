"""Executions of a group in runners of their own: their order, and what a killed one leaves."""

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.cli import Inside, mission
from tests.support.waiting import kill_and_wait

GROUPED = """\
version: "1.0"
name: {name}
concurrency: {{group: deploys, policy: {policy}}}
steps:
  - {{id: a, run: "while [ ! -e go-{name} ]; do sleep 0.1; done"}}
"""


@pytest.fixture
def inside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Inside:
    monkeypatch.chdir(tmp_path)
    for name, policy in (("one", "queue"), ("two", "queue"), ("no", "refuse")):
        (tmp_path / f"{name}.yaml").write_text(GROUPED.format(name=name, policy=policy))
    return Inside(tmp_path / "home", monkeypatch, capfd)


def waited(wanted: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 30
    while not (found := wanted()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return found


def queue(inside: Inside) -> tuple[list[str], list[tuple[str, bool]]]:
    """Return who has the group, and who waits and is on hold."""
    found = inside("queue", "--json").json["queues"]
    if not found:
        return [], []
    [group] = found
    assert (group["kind"], group["name"]) == ("group", "deploys")
    return (
        [one["reference"] for one in group["granted"]],
        [(one["reference"], one["on_hold"]) for one in group["waiting"]],
    )


def test_without_a_queue_there_is_nothing_to_hold(inside: Inside, tmp_path: Path) -> None:
    (tmp_path / "go-one").touch()
    assert inside("run", "one.yaml", "--quiet").code == 0
    assert queue(inside) == ([], [])
    refused = inside("hold", "one#1")
    assert refused.code == 7
    assert "does not wait in a concurrency group" in refused.err


@pytest.mark.slow
def test_a_group_runs_one_after_another_and_survives_the_death_of_its_first(
    inside: Inside, tmp_path: Path
) -> None:
    for name in ("one", "two", "two"):
        assert mission(inside.home, "run", f"{name}.yaml", "--detach").code == 0
        waited(lambda: queue(inside)[0] == ["one#1"])
    waited(lambda: queue(inside) == (["one#1"], [("two#1", False), ("two#2", False)]))
    refused = inside("run", "no.yaml")
    assert (refused.code, "one#1 of the group `deploys` is before it" in refused.err) == (7, True)
    shown = inside("show", "two#1", "--json").json
    assert (shown["state"], shown["reason_code"]) == ("PAUSED", "QUEUED")

    assert inside("hold", "two#1").code == 0
    waited(lambda: queue(inside)[1] == [("two#1", True), ("two#2", False)])
    with sqlite3.connect(inside.home / "missions.db") as database:
        [(pid,)] = database.execute(
            "SELECT pid FROM lease JOIN execution USING (execution_id) WHERE mission_name = 'one'"
        )
    kill_and_wait(pid)
    waited(lambda: queue(inside) == (["two#2"], [("two#1", True)]))
    with sqlite3.connect(inside.home / "missions.db") as database:
        [(pid,)] = database.execute(
            "SELECT pid FROM lease JOIN execution USING (execution_id) WHERE mission_name = 'two'"
            " AND run_number = 1"
        )
    kill_and_wait(pid)
    shown = inside("show", "two#1", "--json").json
    assert (shown["state"], shown["reason_code"]) == ("PAUSED", "RUNNER_LOST")
    assert mission(inside.home, "resume", "two#1").code == 0
    waited(lambda: queue(inside)[1] == [("two#1", False)])
    assert inside("hold", "two#1").code == 0
    waited(lambda: queue(inside) == (["two#2"], [("two#1", True)]))

    assert inside("release", "two#1").code == 0
    (tmp_path / "go-two").touch()
    waited(lambda: queue(inside) == ([], []))
    for run in ("two#1", "two#2"):
        assert inside("show", run, "--json").json["state"] == "SUCCESS"
    (tmp_path / "go-one").touch()
    assert inside("resume", "one#1", "--watch").code == 0
    assert inside("audit", "verify").code == 0
