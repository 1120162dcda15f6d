"""The circuit breaker of a real run, by readings of a real machine."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.cli import mission, start
from tests.support.disks import small_disk

SHORT = """
version: "1.0"
name: short
config: {working_dir: WORK, breaker: {free_disk_mb: 16, probe_seconds: 1s}}
steps:
  - {id: fill, name: fill, step_type: command, parameters: {command: sleep, args: ["0"]}}
  - {id: first, name: first, step_type: noop, depends_on: [fill]}
  - {id: second, name: second, step_type: noop, depends_on: [first]}
"""
IMPOSSIBLE = """
version: "1.0"
name: impossible
config: {breaker: {free_disk_mb: 1073741824, max_wait_seconds: 1s}}
steps:
  - {id: a, name: a, step_type: noop}
"""


def wait_for(home: Path, found: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Return the newest execution as JSON once it is as it should be."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        shown = mission(home, "show", "@last", "--json")
        if shown.code == 0 and found(shown.json):
            return dict(shown.json)
        time.sleep(0.05)
    raise AssertionError("it never came to that")


def test_a_disk_that_fills_up_holds_steps_back_until_it_is_freed(tmp_path: Path) -> None:
    home, file = tmp_path / "home", tmp_path / "m.yaml"
    with small_disk(tmp_path / "disk", "24m") as disk:
        file.write_text(SHORT.replace("WORK", str(disk)), encoding="utf-8")
        filler = disk / "filler"
        filler.write_bytes(bytes(12 << 20))
        running = start(home, "run", str(file))
        try:
            short = wait_for(home, lambda found: found["breaker"]["state"] == "open")
            why = mission(home, "why", "@last", "fill").out
            filler.unlink()
            output = running.communicate(timeout=60)[0].decode()
        finally:
            running.kill()
            running.communicate()
        assert running.returncode == 0

    message = f"free disk 12 MB of 16 MB needed on {disk}"
    assert short["breaker"]["message"] == message
    waiting = short["task_runs"][0]
    assert (waiting["state"], waiting["reason_code"]) == ("WAITING", "RESOURCE_EXHAUSTED")
    assert waiting["message"] == message
    assert waiting["attempts"] == []
    assert f"the circuit breaker opened, no attempt is started: {message}" in why
    assert "breaker open" in output
    assert "breaker half-open" in output
    assert "breaker closed" in output

    ended = mission(home, "show", "@last", "--json").json
    assert ended["breaker"] == {"state": "closed", "message": None}
    events = mission(home, "events", "@last").ndjson
    states = [one["breaker"] for one in events if one["type"] == "execution.breaker_changed"]
    assert states == ["open", "half_open", "closed"]
    assert mission(home, "audit", "verify").code == 0


def test_a_shortage_without_an_end_fails_the_step(tmp_path: Path) -> None:
    home, file = tmp_path / "home", tmp_path / "m.yaml"
    file.write_text(IMPOSSIBLE, encoding="utf-8")

    done = mission(home, "run", str(file))

    assert done.code == 1
    assert "`a`: waited 1s: free disk" in done.out + done.err


def test_the_settings_have_thresholds_for_missions_without_them(tmp_path: Path) -> None:
    home, file = tmp_path / "home", tmp_path / "m.yaml"
    home.mkdir()
    (home / "config.toml").write_text(
        '[breaker]\nfree_disk_mb = 1073741824\nmax_wait_seconds = "1s"\n', encoding="utf-8"
    )
    text = IMPOSSIBLE.replace("config:", "#")
    file.write_text(text, encoding="utf-8")
    assert mission(home, "run", str(file)).code == 1

    file.write_text(
        text.replace("steps:", "config: {breaker: {free_disk_mb: 1}}\nsteps:"), encoding="utf-8"
    )
    assert mission(home, "run", str(file)).code == 0


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("free_disk = 5", "unknown key `free_disk` in `breaker`"),
        ('free_disk_mb = "much"', "`free_disk_mb` must be a whole number"),
        ("probe_seconds = -1", "`probe_seconds`"),
    ],
)
def test_wrong_settings_are_refused_in_words(tmp_path: Path, line: str, message: str) -> None:
    home, file = tmp_path / "home", tmp_path / "m.yaml"
    home.mkdir()
    (home / "config.toml").write_text(f"[breaker]\n{line}\n", encoding="utf-8")
    file.write_text(IMPOSSIBLE, encoding="utf-8")

    done = mission(home, "run", str(file))

    assert done.code == 2
    assert message in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize("limit", [14, 20])
def test_a_limit_on_files_below_what_a_step_needs_is_refused_in_words(
    tmp_path: Path, limit: int
) -> None:
    file = tmp_path / "m.yaml"
    file.write_text(IMPOSSIBLE.replace("free_disk_mb: 1073741824", "probe_seconds: 1s"))

    ran = mission(tmp_path / "home", "run", str(file), prefix=("prlimit", f"--nofile={limit}"))

    assert ran.code == 9
    assert f"this process may have {limit} files open" in ran.err
    assert "16 must be free for any to start: none ever could" in ran.err
    assert "ulimit -n 1024" in ran.err
