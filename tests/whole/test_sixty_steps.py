"""Sixty steps of real processes whose runner, supervisor or both are killed at ten moments."""

import time
from collections import defaultdict
from itertools import pairwise
from pathlib import Path

import pytest

from tests.support.cli import mission
from tests.support.killed_runs import KilledRuns, Victim

STEPS = 60
WIDTH = 6
KILLS = 10
LONGEST_LIFE_SECONDS = 0.8
END_SECONDS = 120.0

MARK = 'echo "{} $MISSION_STEP_ID $MISSION_ATTEMPT $(date +%s%N)" >> journal'
BACKGROUND = "setsid sleep 1000 & "
"""What every tenth step leaves behind in a session of its own, its output closed."""


@pytest.mark.slow
@pytest.mark.parametrize("seed", [3, 5])
def test_sixty_steps_killed_ten_times_end_with_nothing_run_twice_or_left_running(
    tmp_path: Path, seed: int
) -> None:
    runs = KilledRuns(tmp_path, seed)
    (tmp_path / "sixty.yaml").write_text(_sixty(runs.token), "utf-8")
    try:
        execution_id = runs.launch("sixty.yaml")
        kills = 0
        end = time.monotonic() + END_SECONDS
        while not runs.has_ended(execution_id):
            assert time.monotonic() < end, "it did not end"
            time.sleep(runs.chance.uniform(0, LONGEST_LIFE_SECONDS))
            victim = list(Victim)[kills % len(Victim)]
            if kills < KILLS and runs.kill(execution_id, victim):
                kills += 1
                if victim is not Victim.SUPERVISOR:
                    runs.resume(execution_id)
        runs.wait_until_nothing_is_left()
        assert kills == KILLS, "it ended before it could be killed so often"
        _check(runs, execution_id)
    finally:
        runs.stop()


def _check(runs: KilledRuns, execution_id: str) -> None:
    assert runs.rows("SELECT state FROM execution") == [("SUCCESS",)]
    states: dict[str, list[str]] = defaultdict(list)
    for task, state in runs.rows(
        "SELECT task_id, attempt.state FROM attempt JOIN task_run ON task_run.id = attempt.task_run"
        " ORDER BY attempt.task_run, attempt.attempt"
    ):
        states[task].append(state)
    assert len(states) == STEPS
    for task, found in states.items():
        assert found[-1] == "SUCCESS", (task, found)
        assert set(found[:-1]) <= {"LOST"}, (task, found)
    begun: dict[str, dict[int, int]] = defaultdict(dict)
    ended: dict[str, dict[int, int]] = defaultdict(dict)
    for line in (runs.folder / "journal").read_text("utf-8").splitlines():
        kind, task, attempt, at = line.split(" ")
        (begun if kind == "begin" else ended)[task][int(attempt)] = int(at)
    for task, attempts in begun.items():
        numbers = sorted(attempts)
        assert numbers[-1] == len(states[task])
        assert numbers[-1] in ended[task]
        for before, after in pairwise(numbers):
            end = ended[task].get(before, 0)
            assert end <= attempts[after], f"attempts {before} and {after} of {task} overlapped"
    verified = mission(runs.home, "audit", "verify")
    assert verified.code == 0, verified.out


def _sixty(token: str) -> str:
    lines = [
        'version: "1.0"',
        "name: sixty",
        f"env: {{STORM: {token}}}",
        "config: {parallel_limit: 8}",
        "steps:",
    ]
    for number in range(STEPS):
        layer = number // WIDTH
        needs = "" if not layer else f", depends_on: [s{number - WIDTH}, s{layer * WIDTH - 1}]"
        if layer and number - WIDTH == layer * WIDTH - 1:
            needs = f", depends_on: [s{number - WIDTH}]"
        behind = BACKGROUND.replace(" &", " > /dev/null 2>&1 &") if number % 10 == 0 else ""
        script = f"{MARK.format('begin')}; {behind}sleep 0.8; {MARK.format('end')}"
        lines.append(
            f"  - {{id: s{number}, name: s{number}, step_type: script,"
            f" parameters: {{script: '{script}'}}{needs}}}"
        )
    return "\n".join(lines) + "\n"
