"""The past as it is rebuilt from a real chain ends in what the tables say."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from core.audit.replay.timeline import Timeline
from core.domain.records import AuditEvent, TaskRun
from core.domain.states import TaskState
from storage.read.reader import open_reader
from tests.support.cli import Inside

MISSION = """\
version: "1.0"
name: etl
params:
  bad: {type: string, default: us}
steps:
  - {id: list, name: list, step_type: noop}
  - id: load
    name: load
    step_type: assert
    depends_on: [list]
    foreach: [eu, us, ap]
    retry: {max_attempts: 2, initial_interval: 1ms}
    parameters: {that: "{{ item != params.bad }}"}
  - {id: publish, name: publish, step_type: log, depends_on: [load], parameters: {message: done}}
handlers:
  on_failure:
    - {id: tell, name: tell, step_type: log, parameters: {message: failed}}
"""


def plain(task: TaskRun) -> TaskRun:
    return replace(task, inputs=None, outputs=None, error=None)


def test_the_last_moment_is_what_the_tables_hold_and_the_first_is_before_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    inside = Inside(tmp_path / "home", monkeypatch, capfd)
    (tmp_path / "etl.yaml").write_text(MISSION)
    assert inside("run", str(tmp_path / "etl.yaml")).code == 1
    reader = open_reader(tmp_path / "home/missions.db")
    try:
        execution = reader.find_execution("etl#1")
        name = execution.execution_id

        def read(after: int, limit: int) -> list[AuditEvent]:
            return reader.audit_events(after_seq=after, execution_id=name, limit=limit)

        timeline = Timeline(execution, reader.task_states(name)[1])
        timeline.extend(read(0, 10_000))
        last = timeline.moment(len(timeline), read)
        stored = {task.task_id: plain(task) for task in reader.task_runs(name)}
        assert {task_id: plain(task) for task_id, task in last.tasks.items()} == stored
        shown = [
            (one.task_id, one.attempt, one.state, one.exit_code, one.duration_us)
            for tries in last.attempts.values()
            for one in tries
        ]
        assert sorted(shown) == sorted(
            (one.task_id, one.attempt, one.state, one.exit_code, one.duration_us)
            for one in reader.attempts(name)
        )
        for field in ("state", "reason_code", "counts", "item_counts", "params", "started_at"):
            assert getattr(last.execution, field) == getattr(execution, field), field
        first = timeline.moment(1, read)
        assert list(first.tasks) == ["list", "load", "publish", "tell"]
        assert {task.state for task in first.tasks.values()} == {TaskState.PENDING}
    finally:
        reader.close()
