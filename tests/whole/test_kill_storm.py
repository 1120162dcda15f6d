"""Runners killed with SIGKILL at random, in a mission with everything that can be interrupted."""

import os
import time
from pathlib import Path

import pytest

from tests.support.cli import mission
from tests.support.storm import Storm

KILLS = int(os.environ.get("MISSION_KILLS", "100"))
"""How many kills; 1,000 take three quarters of an hour."""
SEED = int(os.environ.get("MISSION_SEED", "8"))


@pytest.mark.slow
def test_kills_lose_nothing_and_run_nothing_twice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    began = time.monotonic()
    storm = Storm(tmp_path, SEED)
    try:
        storm.run(KILLS)
    finally:
        storm.stop()
    verified = mission(storm.home, "audit", "verify", timeout=300)
    assert verified.code == 0, verified.out
    found = storm.figures
    hit = ", ".join(f"{name} {count}" for name, count in sorted(found.hit.items()))
    with capsys.disabled():
        print(
            f"\n{found.kills} kills in {found.executions} missions, {found.lost} attempts lost,"
            f" {found.answers} approvals answered, {time.monotonic() - began:.0f} s;"
            f" kills that hit: {hit}"
        )
