"""A database in which a later version recorded events that this version does not know."""

import asyncio
from pathlib import Path
from typing import Any, ClassVar

import pytest

from core.domain.events import Event
from core.domain.reasons import Reason
from core.domain.states import AttemptState, ExecutionState
from storage.file.keystore import load_or_create_signer
from storage.write.store import open_store
from tests.support.cli import Inside
from tests.support.story import Story


class StepTeleported(Event, frozen=True, kw_only=True):
    """What a later version records; its words look like those of a transition."""

    type: ClassVar[str] = "step.teleported"

    task_id: str

    @property
    def task(self) -> str | None:
        return self.task_id

    def details(self) -> dict[str, Any]:
        return {"attempt": {"x": 1}, "from": "HERE", "reason_code": "LATER", "to": "SUCCESS"}


async def write(home: Path) -> str:
    """Record a run as a later version would, and return its id."""
    home.mkdir(mode=0o700)
    signer = load_or_create_signer(home / "keys")
    store = await open_store(home / "missions.db", signer)
    story = Story("a", "b").create().move(ExecutionState.RUNNING)
    await store.journal.submit(story.batch())
    story.begin("a")
    story._emitted.append(
        StepTeleported(at=story.clock.now(), execution_id=story.execution_id, task_id="a")
    )
    await store.journal.submit(story.batch())
    story.end("a").begin("b").end("b", AttemptState.FAILED)
    story.move(ExecutionState.FAILED, Reason.STEP_FAILED)
    await store.journal.submit(story.batch(finalize=True))
    await store.close()
    return story.execution_id


@pytest.fixture
def home(tmp_path: Path) -> Path:
    found = tmp_path / "home"
    asyncio.run(write(found))
    return found


@pytest.fixture
def inside(
    home: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Inside:
    return Inside(home, monkeypatch, capfd)


def test_the_log_is_intact_and_the_events_are_counted(inside: Inside) -> None:
    told = inside("audit", "verify")
    assert told.code == 0, told.out
    assert told.out.startswith("INTACT")
    assert "1 event of types this version does not know: step.teleported" in told.out
    assert "could not be verified" not in told.out
    found = inside("audit", "verify", "--json").json
    assert (found["verdict"], found["unknown_events"]) == ("INTACT", 1)
    assert found["unknown_types"] == ["step.teleported"]


def test_the_event_stream_names_the_type_and_reads_nothing_else_out_of_it(inside: Inside) -> None:
    lines = inside("events").ndjson
    (found,) = [line for line in lines if line["type"] == "step.teleported"]
    assert found["task_id"] == "a"
    assert not {"state", "from_state", "attempt", "reason_code"} & set(found)


@pytest.mark.parametrize("command", ["why", "show", "ls", "watch"])
def test_other_commands_pass_over_it(inside: Inside, command: str) -> None:
    told = inside(command, *([] if command == "ls" else ["story"]))
    assert told.code in {0, 1}, told.err
    assert "Traceback" not in told.err
    assert "story" in told.out
