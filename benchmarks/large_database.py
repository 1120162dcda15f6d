"""Writes a large database through the real writer: many executions of one step, a few long ones.

    python -m benchmarks.large_database HOME [--executions N] [--events N]

HOME gets `missions.db` and the audit key, as MISSION_HOME has them. Every event is chained, signed
for and folded as usual; only the steps were never run. Prints the number of events, and the seconds
of CPU and wall time, as JSON.
"""

import argparse
import asyncio
import hashlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

from core.domain.events import (
    AttemptEnded,
    AttemptStarted,
    Event,
    ExecutionCreated,
    ExecutionStateChanged,
    Noted,
    TaskStateChanged,
)
from core.domain.fold import Snapshot, apply
from core.domain.mission import MissionSource, workflow_id_of
from core.domain.reasons import Reason
from core.domain.states import AttemptState, ExecutionState, TaskState
from core.launch.uuid7 import uuid7
from core.machine.system_clock import SystemClock
from core.ports.journal import Batch
from storage.file.keystore import load_or_create_signer
from storage.write.store import Store, open_store
from tui.host.places import find_paths

EXECUTIONS = 100_000
EVENTS = 1_000_000
MISSIONS = 200
"""How many missions the executions of one step belong to."""
LONG_STEPS = 20_000
"""Steps of an execution that fills up the number of events."""
STEPS_A_BATCH = 500
FAILED_EVERY = 20
TOGETHER = 400
"""Batches that are queued at once: they share commits."""


class Writer:
    """Writes executions into one store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._clock = SystemClock()
        self.events = 0

    async def execute(self, name: str, steps: int, *, fails: bool = False) -> None:
        """Write one execution from its creation to its seal."""
        ids = tuple(f"step-{number:05d}" for number in range(steps))
        snapshot, key = Snapshot(), str(uuid7(self._clock))
        content = _mission_text(name, ids)
        source = MissionSource(
            digest=hashlib.sha256(content).hexdigest(), name=name, content=content, format="yaml"
        )
        began = list(self._beginning(key, name, source.digest, ids))
        if steps > STEPS_A_BATCH:
            await self._submit(key, snapshot, began, source)
            for first in range(0, steps, STEPS_A_BATCH):
                part = ids[first : first + STEPS_A_BATCH]
                await self._submit(key, snapshot, list(self._steps(key, part, fails=False)))
            began = []
            source_now = None
        else:
            began += self._steps(key, ids, fails=fails)
            source_now = source
        state, reason = (
            (ExecutionState.FAILED, Reason.STEP_FAILED)
            if fails
            else (ExecutionState.SUCCESS, Reason.ALL_STEPS_DONE)
        )
        end = ExecutionStateChanged(
            at=self._clock.now(), execution_id=key, from_state=ExecutionState.RUNNING,
            to_state=state, reason_code=reason, duration_us=1_000 * steps,
        )  # fmt: skip
        await self._submit(key, snapshot, [*began, end], source_now, finalize=True)

    async def _submit(
        self,
        key: str,
        snapshot: Snapshot,
        events: list[Event],
        source: MissionSource | None = None,
        *,
        finalize: bool = False,
    ) -> None:
        for event in events:
            apply(snapshot, event)
        batch = Batch(
            execution_id=key,
            events=events,
            changes=snapshot.take_changes(),
            mission=source,
            finalize=finalize,
        )
        self.events += len(events) + finalize
        await self._store.journal.submit(batch)

    def _beginning(self, key: str, name: str, digest: str, ids: tuple[str, ...]) -> Iterator[Event]:
        now = self._clock.now
        yield ExecutionCreated(
            at=now(), execution_id=key, workflow_id=workflow_id_of(name), mission_name=name,
            mission_digest=digest, step_ids=ids, source_path=f"/missions/{name}.yaml",
        )  # fmt: skip
        facts = {"mission_sha256": digest, "steps": len(ids)}
        yield Noted(at=now(), execution_id=key, kind="mission.validated", facts=facts)
        yield ExecutionStateChanged(
            at=now(), execution_id=key, from_state=ExecutionState.PENDING,
            to_state=ExecutionState.RUNNING, reason_code=Reason.STARTED,
        )  # fmt: skip

    def _steps(self, key: str, ids: tuple[str, ...], *, fails: bool) -> Iterator[Event]:
        now = self._clock.now
        attempt, task, reason = (
            (AttemptState.FAILED, TaskState.FAILED, Reason.EXIT_NONZERO)
            if fails
            else (AttemptState.SUCCESS, TaskState.SUCCESS, Reason.EXIT_ZERO)
        )
        outputs = {"exit_code": int(fails), "stdout": "", "stderr": "", "truncated": False}
        for step in ids:
            yield TaskStateChanged(
                at=now(), execution_id=key, task_id=step, from_state=TaskState.PENDING,
                to_state=TaskState.READY, reason_code=Reason.DEPS_MET,
            )  # fmt: skip
            yield AttemptStarted(
                at=now(), execution_id=key, task_id=step, attempt=1, inputs={"command": "true"}
            )
            yield AttemptEnded(
                at=now(), execution_id=key, task_id=step, attempt=1, to_state=attempt,
                reason_code=reason, exit_code=int(fails), outputs=outputs,
            )  # fmt: skip
            yield TaskStateChanged(
                at=now(), execution_id=key, task_id=step, from_state=TaskState.RUNNING,
                to_state=task, reason_code=reason,
            )  # fmt: skip


def _mission_text(name: str, ids: tuple[str, ...]) -> bytes:
    steps = "".join(
        f"  - id: {step}\n    name: Step {step}\n    step_type: command\n"
        "    parameters: {command: 'true'}\n"
        for step in ids
    )
    return f'version: "1.0"\nname: {name}\nsteps:\n{steps}'.encode()


async def write(home: Path, executions: int, events: int) -> dict[str, float]:
    """Write `executions` executions of one step, then long ones up to `events` events.

    Returns how many events there are, and the seconds of CPU and wall time.
    """
    paths = find_paths({**os.environ, "MISSION_HOME": str(home), "MISSION_DB": ""})
    paths.db.parent.mkdir(parents=True, exist_ok=True)
    wall, cpu = time.monotonic(), time.process_time()
    store = await open_store(paths.db, load_or_create_signer(paths.keys), clock=SystemClock())
    writer = Writer(store)
    for first in range(0, executions, TOGETHER):
        numbers = range(first, min(first + TOGETHER, executions))
        await asyncio.gather(
            *(
                writer.execute(f"mission-{n % MISSIONS:03d}", 1, fails=not n % FAILED_EVERY)
                for n in numbers
            )
        )
    while writer.events < events:
        await writer.execute("long", min(LONG_STEPS, max(1, (events - writer.events) // 4)))
    await store.close()
    used = {"cpu": time.process_time() - cpu, "wall": time.monotonic() - wall}
    return {"events": writer.events, **used}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.large_database")
    parser.add_argument("home", type=Path)
    parser.add_argument("--executions", type=int, default=EXECUTIONS)
    parser.add_argument("--events", type=int, default=EVENTS)
    options = parser.parse_args()
    print(json.dumps(asyncio.run(write(options.home, options.executions, options.events))))
