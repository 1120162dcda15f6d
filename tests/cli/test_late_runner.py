"""A runner that is stopped, loses its lease to another one, and comes back: it is fenced."""

import signal
import sqlite3
from contextlib import closing
from pathlib import Path

from tests.cli.test_run import SLOW, a_file, processes_of, wait_until_running
from tests.support.cli import mission, start


def let_the_lease_expire(home: Path) -> None:
    """Move the lease to another machine, where it has expired: from here nobody sees it live."""
    with closing(sqlite3.connect(home / "missions.db", timeout=10)) as connection, connection:
        connection.execute("UPDATE lease SET host = 'elsewhere', expires_at = 1")


def test_a_runner_whose_lease_was_taken_commits_nothing_more_and_says_so(tmp_path: Path) -> None:
    home = tmp_path / "home"
    runner = start(home, "run", a_file(tmp_path, SLOW))
    execution_id = wait_until_running(home, "long")
    runner.send_signal(signal.SIGSTOP)
    let_the_lease_expire(home)
    assert mission(home, "resume", execution_id).code == 0
    wait_until_running(home, "long")  # the second attempt
    before = mission(home, "events", execution_id, "--json").ndjson
    runner.send_signal(signal.SIGCONT)
    _, err = runner.communicate(timeout=60)
    assert runner.returncode == 7
    assert b"is owned by another runner" in err
    after = mission(home, "events", execution_id, "--json").ndjson
    assert after == before
    assert mission(home, "cancel", execution_id, "--wait").code in {0, 5}
    found = mission(home, "show", execution_id, "--json").json
    tries = {t["task_id"]: [a["state"] for a in t["attempts"]] for t in found["task_runs"]}
    assert tries["long"] == ["LOST", "CANCELLED"]
    assert processes_of(execution_id) == []
    assert mission(home, "audit", "verify").code == 0
