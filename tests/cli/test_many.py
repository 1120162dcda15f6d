"""Acting on many executions: what is shown before, what is asked, what is done, and what is not."""

import asyncio
import json
import signal
import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import click
import pytest
from msgspec.structs import replace

from core.domain.records import Execution
from core.domain.states import ExecutionState
from core.errors import CancelledError, ConflictError, UnavailableError
from core.ports.execution_query import NEWEST
from core.ports.reader import Reader
from tests.support.cli import Inside, mission, on_a_terminal
from tests.support.tui import FakeReader, FakeWorld, mission_of, step
from tui.cli.acting.action import Action, Done
from tui.cli.acting.doing import AT_ONCE, Doing
from tui.cli.acting.many import act_on_many
from tui.cli.invocation import Invocation
from tui.cli.records import awaited_records
from tui.cli.selecting.select_options import Selectors

BAD = """version: "1.0"
name: bad
steps:
  - {id: a, step_type: noop}
  - {id: b, step_type: fail, parameters: {message: no}, depends_on: [a]}
"""
SLOW = 'version: "1.0"\nname: slow\nsteps: [{id: a, run: "sleep 300"}]\n'
GOOD = 'version: "1.0"\nname: good\nsteps: [{id: a, step_type: noop}]\n'


@pytest.fixture
def inside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Inside:
    """Two failed runs and one that succeeded, all of one batch."""
    monkeypatch.chdir(tmp_path)
    for name, text in (("bad", BAD), ("slow", SLOW), ("good", GOOD)):
        (tmp_path / f"{name}.yaml").write_text(text)
    run = Inside(tmp_path / "home", monkeypatch, capfd)
    for name in ("bad", "bad", "good"):
        run("run", f"{name}.yaml", "-q", "-l", "batch=7")
    return run


def test_what_would_be_done_is_shown_and_nothing_is_done_without_consent(
    inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = inside("ls", "--ids").out
    shown = inside("retry", "-l", "batch=7", "--dry-run")
    assert shown.code == 0
    assert shown.out.splitlines() == [
        "retry: 2 executions",
        "  bad#1  failed  1 step again, 1 reused",
        "  bad#2  failed  1 step again, 1 reused",
        "left alone: 1 done",
    ]
    planned = inside("retry", "--name", "bad", "--since", "1h", "--dry-run", "--json").json
    assert [(one["reference"], one["outcome"]) for one in planned] == [
        ("bad#1", "planned"),
        ("bad#2", "planned"),
    ]
    refused = inside("retry", "--where", "label:batch")
    assert refused.code == 2
    assert "2 executions fit: nothing was done without --yes" in refused.err
    assert inside("retry", "-l", "batch=7", "--json").json["error"]["code"] == "USAGE"
    assert "rerun: 3 executions" in inside("rerun", "-l", "batch=7", "--dry-run").out
    assert inside("rerun", "good", "--dry-run").out.startswith("rerun good#1")
    assert inside("ls", "--ids").out == before

    for command in ("cancel", "hold", "release"):
        none = inside(command, "-l", "batch=7", "--yes")
        assert (none.code, none.out) == (0, "")
        assert f"nothing to {command}" in none.err
        assert "left alone: " in none.err
        assert "2 failed" in none.err
        assert inside(command, "-l", "batch=7", "--yes", "--json").json == []
    assert inside("cancel", "good", "--dry-run").code == 7

    monkeypatch.setattr("tui.cli.acting.many.MAX_SELECTED", 1)
    for last in ("--yes", "--dry-run"):
        refused = inside("retry", "-l", "batch=7", last)
        assert refused.code == 2
        assert (
            "2 executions fit, and one command acts on 1 at most: nothing was done" in refused.err
        )
        assert "--since" in refused.err
    assert inside("ls", "--ids").out == before


def test_without_a_database_nothing_fits_and_nothing_waits_and_a_watched_list_waits_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.yaml").write_text(GOOD.replace("good", "bad"))
    run = Inside(tmp_path / "home", monkeypatch, capfd)
    for line in ("ls", "queue", "events", "cancel -l batch", "hold --since 1h"):
        empty = run(*line.split())
        assert (empty.code, empty.out) == (0, "")
        assert "there are no executions yet" in empty.err
    assert run("retry", "--state", "failed", "--json").json == []
    assert run("queue", "--json").json == {"queues": []}
    assert run("cancel", "--where", "nmae:x").code == 2
    for line in ("cancel @last", "retry --name bad", "events @last"):
        assert run(*line.split()).code == 4
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        run("run", "bad.yaml", "-q")

    environ = {"MISSION_HOME": str(tmp_path / "home")}
    with awaited_records(Invocation(environ=environ, cwd=tmp_path), sleep=sleep) as reader:
        assert [one.mission_name for one in reader.executions()] == ["bad"]
    assert len(pauses) == 1
    with closing(sqlite3.connect(tmp_path / "empty.db")) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    unfinished = run("ls", "--json", "--db", "empty.db")
    assert (unfinished.code, unfinished.json) == (0, [])


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("cancel",), "Missing argument 'EXEC'"),
        (("retry", "bad", "-l", "batch"), "cannot be combined"),
        (("cancel", "--where", " ", "--yes"), "select all executions"),
        (("cancel", "-l", "batch", "--step", "a"), "--step goes with one EXEC"),
        (("retry", "-l", "batch", "-p", "a=b"), "--param goes with one EXEC"),
        (("rerun", "--where", "nmae:x"), "nmae: is not known here"),
        (("cancel", "--name", "bda", "--yes"), "did you mean `bad`"),
    ],
)
def test_what_selects_nothing_or_too_much_is_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    told: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.yaml").write_text(GOOD.replace("good", "bad"))
    run = Inside(tmp_path / "home", monkeypatch, capfd)
    run("run", "bad.yaml", "-q")
    refused = run(*arguments)
    assert refused.code == (4 if "--name" in arguments else 2)
    assert told in refused.err


def test_each_is_looked_at_again_when_its_turn_comes_and_failures_are_told_one_by_one(
    inside: Inside, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.cli.acting.doing.AT_ONCE", 1)
    inside("run", "bad.yaml", "-q", "-l", "batch=7")
    told = []

    async def act(_reader: Reader, one: Execution) -> tuple[str, Mapping[str, Any]]:
        if one.run_number == 1:
            told.append((await asyncio.to_thread(inside, "retry", "bad#2", "--watch")).err)
            return "was done", {}
        raise CancelledError("nobody may", hint="ask ada")

    def plan(_reader: Reader, one: Execution) -> str:
        if one.mission_name == "good":
            raise ConflictError("it is good")
        return "something"

    action = Action(
        verb="mend", states=frozenset(ExecutionState), is_unattended=True, plan=plan, act=act
    )
    invocation = Invocation.from_process()
    invocation.json = True
    capfd.readouterr()
    with pytest.raises(click.exceptions.Exit) as end:
        act_on_many(invocation, Selectors(labels=("batch=7",)), action, yes=True, dry_run=False)
    invocation.console.finish()
    found = json.loads(capfd.readouterr().out)
    assert [(one["reference"], one["outcome"], one["message"]) for one in found] == [
        ("good#1", "refused", "it is good"),
        ("bad#1", "done", "was done"),
        ("bad#2", "failed", "left alone: it does not fit any more, somebody else has acted on it"),
        ("bad#3", "failed", "nobody may"),
    ]
    assert found[3]["error"] == {"code": "CANCELLED", "message": "nobody may", "hint": "ask ada"}
    assert end.value.exit_code == ConflictError.exit_code
    assert told


class Office:
    """Executions of a mission that never ran, and what a command is doing to them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, count: int, *, is_json: bool) -> None:
        monkeypatch.setenv("MISSION_HOME", "/nonexistent")
        world = FakeWorld()
        for _ in range(count):
            world.launch(mission_of("slow", step("a")))
        reader = FakeReader(world)
        self.executions = reader.executions(replace(NEWEST, reverse=True))
        self.invocation = Invocation.from_process()
        self.invocation.json = is_json
        action = Action(
            verb="mend",
            states=frozenset(ExecutionState),
            plan=lambda _reader, _one: "",
            act=lambda _reader, one: self.act(one.run_number or 0),
        )
        self.doing = Doing(self.invocation, reader, action, NEWEST, self.executions)
        self.under_way: set[int] = set()
        self.all_begun = asyncio.Event()
        self.most_at_once = 0
        self.act_on: Callable[[int], Awaitable[None]] = self.wait_for_all

    async def act(self, number: int) -> Done:
        """Do what `act_on` does, and count how many are under way."""
        self.under_way.add(number)
        self.most_at_once = max(self.most_at_once, len(self.under_way))
        if self.most_at_once == min(AT_ONCE, len(self.executions)):
            self.all_begun.set()
        try:
            await self.act_on(number)
        finally:
            self.under_way.discard(number)
        return f"{number} was mended", {}

    async def wait_for_all(self, _number: int) -> None:
        """Wait until as many are under way as may be."""
        await self.all_begun.wait()

    async def interrupt(self) -> None:
        """Press Ctrl-C, and wait until it was taken."""
        before = self.doing.interrupts
        signal.raise_signal(signal.SIGINT)
        for _ in range(100):
            if self.doing.interrupts > before:
                return
            await asyncio.sleep(0)

    @property
    def outcomes(self) -> list[str]:
        """What came of each."""
        return [one["outcome"] for one in self.doing.rows]


def test_several_are_acted_on_at_once_and_one_that_fails_stops_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    office = Office(monkeypatch, 3 * AT_ONCE, is_json=True)

    async def act_on(number: int) -> None:
        await office.wait_for_all(number)
        if number == 3:
            raise OSError(28, "No space left on device")
        if number == 5:
            raise ConflictError("nobody may")

    office.act_on = act_on
    asyncio.run(office.doing.run())
    assert office.most_at_once == AT_ONCE
    failed = {at for at, outcome in enumerate(office.outcomes, 1) if outcome == "failed"}
    assert failed == {3, 5}
    assert office.doing.code == UnavailableError.exit_code
    assert office.doing.summary() == f"mend: {3 * AT_ONCE - 2} done, 2 failed"


def test_ctrl_c_lets_those_end_that_are_under_way_and_begins_no_other(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    office = Office(monkeypatch, AT_ONCE + 2, is_json=False)
    interrupted = asyncio.Event()

    async def act_on(number: int) -> None:
        await office.wait_for_all(number)
        if number == AT_ONCE:
            await office.interrupt()
            interrupted.set()
        await interrupted.wait()

    office.act_on = act_on
    asyncio.run(office.doing.run())
    assert office.outcomes == ["done"] * AT_ONCE + ["not_done"] * 2
    assert office.doing.code == 130
    assert office.doing.summary() == f"mend: stopped by Ctrl-C: {AT_ONCE} done, 2 not done"
    told = capfd.readouterr().err
    assert f"no more are begun; {AT_ONCE} under way" in told
    assert ": 1 was mended" in told


def test_a_second_ctrl_c_waits_for_none_and_says_whose_outcome_is_not_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    office = Office(monkeypatch, AT_ONCE + 2, is_json=True)

    async def act_on(number: int) -> None:
        await office.wait_for_all(number)
        if number == 1:
            return
        if number == AT_ONCE + 1:
            await office.interrupt()
            await office.interrupt()
        await asyncio.Event().wait()

    office.act_on = act_on
    asyncio.run(office.doing.run())
    assert sorted(office.outcomes) == ["done"] + ["not_done"] + ["unknown"] * AT_ONCE
    assert office.doing.code == 130
    assert office.doing.summary() == (
        f"mend: stopped by Ctrl-C: 1 done, {AT_ONCE} may have been done, 1 not done"
    )


def test_a_bug_ends_what_is_begun_no_more_and_is_told_with_what_was_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    office = Office(monkeypatch, AT_ONCE + 1, is_json=True)

    async def act_on(number: int) -> None:
        await office.wait_for_all(number)
        raise ZeroDivisionError

    office.act_on = act_on
    asyncio.run(office.doing.run())
    assert office.outcomes == ["failed"] * AT_ONCE + ["not_done"]
    assert office.doing.bug is not None
    assert office.doing.code == 70


@pytest.mark.slow
def test_many_are_cancelled_and_retried_once_on_a_terminal_after_a_question(
    inside: Inside,
) -> None:
    home = inside.home
    for _ in range(2):
        assert mission(home, "run", "slow.yaml", "--detach", "-l", "team=ops").code == 0
    said = on_a_terminal(home, "cancel", "-l", "team=ops", question=b"[y/N]", answer=b"n\n")
    assert "nothing was done" in said.out
    said = on_a_terminal(home, "cancel", "-l", "team=ops", question=b"[y/N]", answer=b"y\n")
    assert "slow#1" in said.out
    for number in (1, 2):
        assert mission(home, "watch", f"slow#{number}").code == 5
    done = mission(home, "retry", "-l", "batch=7", "--yes", "--json")
    assert done.code == 0
    assert [one["outcome"] for one in done.json] == ["done", "done"]
    for one in done.json:
        mission(home, "watch", one["started"]["execution_id"])
    again = mission(home, "retry", "-l", "batch=7", "--dry-run").out
    assert "bad#1" not in again
    assert "2 failed that were retried or run again" in again
    assert mission(home, "audit", "verify").code == 0
