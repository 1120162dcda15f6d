"""`mission db prune`: what is old goes behind a signed event, and the log still verifies."""

import shutil
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.cli import Inside, mission, start
from tests.support.missions import write_parent_and_child


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a home with two runs of a mission that has a sub-mission."""
    folder = tmp_path_factory.mktemp("prune")
    write_parent_and_child(folder)
    home = folder / "home"
    for _ in range(2):
        assert mission(home, "run", "parent.yaml", cwd=folder).code == 0
    return home


@pytest.fixture
def inside(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Inside:
    home = tmp_path / "home"
    shutil.copytree(made, home)
    monkeypatch.chdir(tmp_path)
    return Inside(home, monkeypatch, capfd)


def database(inside: Inside) -> sqlite3.Connection:
    return sqlite3.connect(inside.home / "missions.db", isolation_level=None)


def count(inside: Inside, table: str) -> int:
    with closing(database(inside)) as connection:
        found: int = connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        return found


def verdict(inside: Inside) -> tuple[str, list[str]]:
    report = inside("audit", "verify", "--json").json
    return report["verdict"], [one["message"] for one in report["findings"]]


def without_triggers(connection: sqlite3.Connection) -> list[str]:
    found = connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'")
    triggers = found.fetchall()
    for name, _ in triggers:
        connection.execute(f"DROP TRIGGER {name}")
    return [sql for _, sql in triggers]


def edited(inside: Inside, sql: str) -> None:
    """Change the file like somebody who knows how to get around its rules."""
    with closing(database(inside)) as connection:
        triggers = without_triggers(connection)
        connection.execute(sql)
        for one in triggers:
            connection.execute(one)


def test_pruned_executions_are_gone_and_the_log_is_intact(inside: Inside) -> None:
    before = count(inside, "event")
    done = inside("db", "prune", "--older-than", "0s", "--keep", "1", "--json")
    assert done.code == 0, done.err
    assert len(done.json["executions"]) == 2  # the older run and its sub-mission, as one
    assert verdict(inside) == ("INTACT", [])
    report = inside("audit", "verify", "--json").json
    assert report["executions"] == 2
    (note,) = report["prunes"]
    assert (note["what"], note["executions"]) == ("executions", 2)
    assert note["events"] == done.json["events"] == count(inside, "pruned_event")
    assert count(inside, "event") == before + 1 - note["events"]
    assert [one["run_number"] for one in inside("ls", "--json").json] == [2]
    assert inside("db", "check").code == 0
    assert "pruned at" in inside("audit", "verify").out


def test_output_goes_first_and_the_records_stay(inside: Inside) -> None:
    done = inside("db", "prune", "--older-than", "0s", "--logs-only", "--json")
    assert (len(done.json["logs"]), done.json["executions"]) == (2, [])
    assert count(inside, "log_chunk") == 0
    assert verdict(inside) == ("INTACT", [])
    again = inside("db", "prune", "--older-than", "0s", "--logs-only", "--json")
    assert again.json["logs"] == []
    whole = inside("db", "prune", "--older-than", "0s", "--json")
    assert len(whole.json["executions"]) == 4
    assert verdict(inside) == ("INTACT", [])
    assert (count(inside, "execution"), count(inside, "mission"), count(inside, "task_run")) == (
        0, 0, 0,
    )  # fmt: skip


def test_runs_go_on_after_a_prune_with_new_numbers(
    inside: Inside, made: Path, tmp_path: Path
) -> None:
    assert inside("db", "prune", "--older-than", "0s").code == 0
    assert mission(inside.home, "run", "parent.yaml", cwd=made.parent).code == 0
    assert verdict(inside) == ("INTACT", [])
    rows = inside("ls", "--json").json
    assert [one["run_number"] for one in rows if one["mission_name"] == "parent"] == [3]
    exported = inside("audit", "export", "parent#3", "-o", str(tmp_path / "x.zip"))
    assert exported.code == 0, exported.err
    assert inside("audit", "verify", str(tmp_path / "x.zip")).code == 0


def test_a_pruned_execution_says_so(inside: Inside) -> None:
    (first,) = [one for one in inside("ls", "--json").json if one["run_number"] == 1]
    assert inside("db", "prune", "--older-than", "0s", "--keep", "1").code == 0
    for reference in ("parent#1", first["execution_id"], first["execution_id"][:13]):
        done = inside("show", reference)
        assert done.code == 4
        assert "parent#1" in done.err
        assert "was pruned at" in done.err
    assert "was pruned" not in inside("show", "parent#9").err


def test_pruned_output_says_so(inside: Inside) -> None:
    assert "pruned" not in inside("logs", "parent#2").err
    assert inside("db", "prune", "--older-than", "0s", "--logs-only").code == 0
    assert "the output was pruned at" in inside("logs", "parent#2").err


def test_a_dry_run_changes_nothing(inside: Inside) -> None:
    before = (inside.home / "missions.db").read_bytes()
    done = inside("db", "prune", "--older-than", "0s", "--dry-run", "--json")
    assert len(done.json["executions"]) == 4
    assert (inside.home / "missions.db").read_bytes() == before
    assert count(inside, "prune") == 0


def test_an_archive_holds_what_went(inside: Inside, tmp_path: Path) -> None:
    folder = tmp_path / "archive"
    done = inside("db", "prune", "--older-than", "0s", "--archive", str(folder), "--json")
    assert done.code == 0, done.err
    assert len(done.json["archived"]) == 4
    for file in done.json["archived"].values():
        assert inside("audit", "verify", str(folder / file)).code == 0
    report = inside("audit", "verify", "--json").json
    assert report["verdict"] == "INTACT"
    assert (folder / report["prunes"][0]["archive"]["file"]).exists()


def test_a_bundle_with_the_output_stays_when_the_execution_goes(
    inside: Inside, tmp_path: Path
) -> None:
    folder = tmp_path / "archive"
    old = ("db", "prune", "--older-than", "0s", "--archive", str(folder), "--json")
    first = inside(*old, "--logs-only").json["archived"]
    before = {file: (folder / file).read_bytes() for file in first.values()}
    second = inside(*old)
    assert second.code == 0, second.err
    assert first.items() <= second.json["archived"].items()
    assert {file: (folder / file).read_bytes() for file in before} == before
    assert verdict(inside) == ("INTACT", [])


def test_a_file_that_is_no_bundle_of_the_execution_prevents_the_prune(
    inside: Inside, tmp_path: Path
) -> None:
    folder = tmp_path / "archive"
    old = ("db", "prune", "--older-than", "0s", "--archive", str(folder), "--json")
    archived = inside(*old, "--logs-only").json["archived"]
    one, other = sorted(archived.values())
    (folder / one).write_bytes((folder / other).read_bytes())
    done = inside(*old)
    assert done.code == 7
    assert count(inside, "execution") == 4


def test_records_that_do_not_verify_are_not_pruned(inside: Inside) -> None:
    edited(inside, "UPDATE attempt SET exit_code = 7 WHERE exit_code = 0")
    done = inside("db", "prune", "--older-than", "0s")
    assert done.code == 8
    assert count(inside, "prune") == 0


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM pruned_event WHERE seq = (SELECT max(seq) FROM pruned_event)",
        "DELETE FROM pruned_event WHERE seq = (SELECT min(seq) FROM pruned_event)",
        "UPDATE pruned_event SET hash = zeroblob(32) WHERE seq % 7 = 0",
        "UPDATE pruned_event SET execution = execution + 1",
        "UPDATE prune SET seq = seq - 1",
        "UPDATE prune SET execution_id = execution_id || 'x'",
        "UPDATE prune SET kind = 'logs'",
        "DELETE FROM prune",
        "INSERT INTO prune SELECT max(id), 'executions', max(execution_id), 1 FROM execution",
        "INSERT INTO prune SELECT id, 'logs', execution_id, 3 FROM execution",
        "DELETE FROM log_chunk",
        "DELETE FROM event WHERE type = 'log.pruned'",
    ],
)
def test_more_than_was_named_is_found(inside: Inside, sql: str) -> None:
    assert inside("db", "prune", "--older-than", "0s", "--keep", "1").code == 0
    edited(inside, sql)
    done = inside("audit", "verify")
    assert done.code == 8, done.out


def test_an_event_replaced_by_its_hash_without_a_prune_event_is_missing(inside: Inside) -> None:
    assert inside("db", "prune", "--older-than", "0s", "--keep", "1").code == 0
    last = "(SELECT max(seq) - 3 FROM event)"
    edited(
        inside,
        "INSERT INTO pruned_event SELECT seq, (SELECT min(execution) FROM prune), hash FROM event"
        f" WHERE seq = {last}",
    )
    edited(inside, f"DELETE FROM event WHERE seq = {last}")
    assert inside("audit", "verify", "--json").json["verdict"] == "MISSING"


def test_the_statistics_say_what_takes_the_room(inside: Inside) -> None:
    found = inside("db", "stats", "--json").json
    assert found["prune"] is None
    with closing(database(inside)) as connection:
        events = connection.execute(
            "SELECT count(*) FROM event JOIN execution ON execution.id = execution"
            " WHERE mission_name = 'parent'"
        ).fetchone()[0]
    assert found["missions"][0] == {"mission_name": "parent", "executions": 2, "events": events}
    assert len(found["largest"]) == 4
    assert sum(found["tables"].values()) + found["free_bytes"] <= found["bytes"]
    assert {"event", "execution", "log_chunk"} < found["tables"].keys()
    (inside.home / "config.toml").write_text('[retention]\nexecutions = "0s"\nkeep = 1\n')
    would = inside("db", "stats", "--json").json["prune"]
    assert (would["executions"], would["logs"]) == (2, 0)
    assert "would remove 2 executions" in inside("db", "stats").out
    assert inside("db", "prune", "--json").json["events"] == would["events"]


def test_without_an_age_nothing_is_pruned(inside: Inside) -> None:
    done = inside("db", "prune")
    assert done.code == 2
    assert "retention" in done.err


def test_the_setting_says_what_is_old(inside: Inside) -> None:
    config = inside.home / "config.toml"
    config.write_text('[retention]\nexecutions = "1h"\nlogs = "0s"\nkeep = 1\n')
    done = inside("db", "prune", "--dry-run", "--json")
    assert (len(done.json["logs"]), done.json["executions"]) == (1, [])
    config.write_text('[retention]\nlogs = "soon"\n')
    done = inside("db", "prune")
    assert done.code == 2
    assert "retention.logs" in done.err


@pytest.mark.slow
def test_a_killed_prune_of_a_large_execution_is_finished_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    steps = "".join(f"  - {{id: s{number}, step_type: noop}}\n" for number in range(3000))
    (tmp_path / "big.yaml").write_text(f'version: "1.0"\nname: big\nsteps:\n{steps}')
    home = tmp_path / "home"
    for _ in range(2):
        assert mission(home, "run", "big.yaml", cwd=tmp_path).code == 0
    inside = Inside(home, monkeypatch, capfd)
    with start(home, "db", "prune", "--older-than", "0s", "--keep", "1") as killed:
        deadline = time.monotonic() + 60
        while killed.poll() is None and time.monotonic() < deadline:
            if count(inside, "pruned_event"):
                killed.send_signal(signal.SIGKILL)
                break
        assert killed.wait() == -signal.SIGKILL
    assert count(inside, "task_run") > 3000
    assert verdict(inside) == ("INTACT", [])
    assert [one["run_number"] for one in inside("ls", "--json").json] == [2]
    done = inside("db", "prune", "--older-than", "900d", "--json")
    assert done.json["finished"] == 1
    assert count(inside, "task_run") == 3000
    assert verdict(inside) == ("INTACT", [])
