"""Prints the CPU milliseconds of what lists, home and history ask a large database.

    python -m benchmarks.probe_reading DATABASE ROUNDS

Each question is asked of a connection of its own, as a command does. The median of the rounds is
printed: the pages of the file are cached after the first.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

from core.domain.mission import workflow_id_of
from core.domain.states import ExecutionState
from core.operations.lost import find_lost
from core.ports.execution_query import (
    ExecutionField,
    ExecutionOrder,
    ExecutionQuery,
    FieldCondition,
    LabelCondition,
)
from core.ports.reader import Reader
from storage.read.reader import open_reader
from tui.live.execution_queries import read_all_step_records, read_events, read_run_history
from tui.search.home_page import HomeQuery, read_home

PAGE = 50
NOBODY = FieldCondition(ExecutionField.MISSION, "nobody")
STEP = "step-00000"


def questions() -> dict[str, Callable[[Reader], object]]:
    """Return what is asked, by name."""
    page = ExecutionQuery(limit=PAGE)

    def newest(reader: Reader, name: str) -> object:
        return reader.find_execution(name)

    def listed(query: ExecutionQuery) -> Callable[[Reader], object]:
        def ask(reader: Reader) -> object:
            found = reader.executions(query)
            ids = [one.execution_id for one in found]
            return (reader.count_executions(query), reader.child_counts(ids), reader.short_ids(ids))

        return ask

    def sorted_by(order: ExecutionOrder, **more: object) -> Callable[[Reader], object]:
        return listed(ExecutionQuery(limit=PAGE, order=order, now=time.time_ns(), **more))  # type: ignore[arg-type]  # fields of the query

    def home(order: ExecutionOrder, **more: object) -> Callable[[Reader], object]:
        query = ExecutionQuery(limit=200, order=order, now=time.time_ns(), **more)  # type: ignore[arg-type]  # fields of the query
        names = tuple(f"mission-{number:03d}" for number in range(20))
        return lambda reader: read_home(
            reader, HomeQuery(executions=query, missions=names, detail=names[0])
        )

    def step_of(name: str) -> Callable[[Reader], object]:
        return lambda reader: read_all_step_records(reader, reader.find_execution(name), STEP)

    def with_steps(reader: Reader) -> object:
        return reader.task_runs(reader.find_execution("mission-001").execution_id)

    return {
        "lost runners": lambda reader: find_lost(reader, time.time_ns()),
        "ls": listed(page),
        "ls MISSION": lambda reader: reader.executions(
            ExecutionQuery(limit=PAGE, mission_name="mission-007")
        ),
        "ls --state failed": lambda reader: reader.executions(
            ExecutionQuery(limit=PAGE, states=frozenset({ExecutionState.FAILED}))
        ),
        "ls --state running": lambda reader: reader.executions(
            ExecutionQuery(limit=PAGE, states=frozenset({ExecutionState.RUNNING}))
        ),
        "ls --sort state": sorted_by(ExecutionOrder.STATE),
        "ls --sort state:desc": sorted_by(ExecutionOrder.STATE, reverse=True),
        "ls --sort mission": sorted_by(ExecutionOrder.MISSION),
        "ls --sort took": sorted_by(ExecutionOrder.DURATION, reverse=True),
        "ls --where WORD": sorted_by(ExecutionOrder.NEWEST, words=("engine",)),
        "ls --where !WORD --sort state:desc": sorted_by(
            ExecutionOrder.STATE, reverse=True, without=("nobody",)
        ),
        "ls --where name:NOBODY": sorted_by(ExecutionOrder.NEWEST, fields=(NOBODY,)),
        "ls -l LABEL": sorted_by(ExecutionOrder.NEWEST, labels=(LabelCondition("team"),)),
        "mission names": lambda reader: reader.mission_names(),
        "@last": lambda reader: newest(reader, "@last"),
        "@last of a folder": lambda reader: reader.find_execution("@last", folder="/nowhere"),
        "@last-failed": lambda reader: newest(reader, "@last-failed"),
        "NAME#7": lambda reader: newest(reader, "mission-003#1"),
        "run key": lambda reader: reader.find_run_key(workflow_id_of("mission-003"), "none"),
        "show": with_steps,
        "show, a step of a long run": step_of("long"),
        "history of a step": step_of("mission-001"),
        "earlier runs of a step": lambda reader: reader.earlier_task_runs(
            reader.find_execution("mission-001").execution_id, STEP, limit=10
        ),
        "history of a mission": lambda reader: read_run_history(
            reader, reader.find_execution("mission-001")
        ),
        "first page of events": lambda reader: read_events(
            reader, reader.find_execution("long").execution_id, 0
        ),
        "home": home(ExecutionOrder.NEWEST),
        "home, by mission": home(ExecutionOrder.MISSION),
        "home, by state": home(ExecutionOrder.STATE),
        "home, by duration": home(ExecutionOrder.DURATION),
        "home, filtered": home(ExecutionOrder.NEWEST, words=("failed",)),
        "home, nothing matches": home(ExecutionOrder.NEWEST, fields=(NOBODY,)),
        "source paths": lambda reader: reader.source_paths(limit=100),
    }


def main(database: Path, rounds: int) -> None:
    """Ask all questions."""
    found = {}
    for name, ask in questions().items():
        times = []
        for _ in range(rounds):
            reader = open_reader(database)
            start = time.process_time()
            ask(reader)
            times.append((time.process_time() - start) * 1e3)
            reader.close()
        found[name] = statistics.median(times)
    print(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
