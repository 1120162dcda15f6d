"""What `mission show EXEC STEP` says of the processes of a step while it runs."""

import sys
import time
from pathlib import Path

import pytest

from tests.support.cli import mission, start

BUSY = """
version: "1.0"
name: busy
steps:
  - {id: work, step_type: script, parameters: {
      script: "sleep 60.25 & x=0; while [ $x -lt 100000 ]; do x=$((x+1)); done; echo up; wait"}}
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_running_step_shows_what_its_processes_use(tmp_path: Path) -> None:
    home, file = tmp_path / "home", tmp_path / "m.yaml"
    file.write_text(BUSY, encoding="utf-8")
    running = start(home, "run", str(file))
    try:
        end = time.monotonic() + 30
        while "up" not in mission(home, "logs", "@last").out:
            assert time.monotonic() < end
            time.sleep(0.05)

        live = mission(home, "show", "@last", "work", "--json").json["live"]
        text = mission(home, "show", "@last", "work").out

        assert live["processes"] == 2
        assert live["cpu_ms"] > 0
        assert live["memory_bytes"] > 100_000
        assert "now 2 processes · " in text
    finally:
        running.terminate()
        running.communicate(timeout=30)

    ended = mission(home, "show", "@last", "work", "--json").json
    assert ended["live"] is None
    assert "now " not in mission(home, "show", "@last", "work").out.split("Attempts")[0]
