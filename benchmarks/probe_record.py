"""Prints the CPU seconds of recording STEPS, GROUP in each commit, and of the audit within them.

    python -m benchmarks.probe_record STEPS GROUP

The ledger is called as its thread calls it. The audit's part is measured by doing it again alone:
chain, signature, and the rows of events, head and checkpoint, in another database. The commit
itself, needed with and without an audit, counts as no part of it.
"""

import asyncio
import json
import os
import sqlite3
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.storage import Bench, BenchSigner
from core.audit.chain.chain import ChainWriter, SubChain, decode_head, encode_head
from core.audit.format.checkpoint import origin_of, sign_checkpoint
from core.machine.system_clock import SystemClock
from core.ports.journal import Batch
from storage.rows.lease import HeldLeases
from storage.write import statement
from storage.write.entry import BatchEntry
from storage.write.ledger import Ledger
from storage.write.store import open_store


def main(folder: Path, steps: int, group: int) -> None:
    """Record the same events twice."""
    clock = SystemClock()
    signer = BenchSigner()
    bench, log_id = asyncio.run(_created(folder / "whole.db", clock, signer, steps))
    names = [bench.steps[at : at + group] for at in range(0, steps, group)]
    batches = [bench.batch(bench.starts(names[0]))]
    for old, new in pairwise(names):
        batches.append(bench.batch(bench.ends(old) + bench.starts(new)))
    batches.append(bench.batch(bench.ends(names[-1])))
    whole = _open(folder / "whole.db")
    ledger = Ledger(log_id, signer, clock, HeldLeases("bench", None, 10**15))  # type: ignore[arg-type]  # no lease is taken
    wall, start = time.perf_counter(), time.process_time()
    for batch in batches:
        ledger.write(whole, [BatchEntry(batch, None)])  # type: ignore[arg-type]  # nobody waits
    used, wall = time.process_time() - start, time.perf_counter() - wall
    whole.close()
    audit = _audit_alone(folder / "audit.db", clock, signer, batches)
    print(json.dumps({"whole": used, "audit": audit, "wall": wall}))


async def _created(
    path: Path, clock: SystemClock, signer: BenchSigner, steps: int
) -> tuple[Bench, str]:
    store = await open_store(path, signer, clock=clock)
    bench = Bench(store, clock, steps)
    await store.journal.submit(bench.creation())
    await store.close()
    return bench, store.log_id


def _audit_alone(
    path: Path, clock: SystemClock, signer: BenchSigner, batches: list[Batch]
) -> float:
    log_id = asyncio.run(_empty(path, clock, signer))
    database = _open(path)
    chain = ChainWriter(
        log_id, decode_head(database.execute("SELECT data FROM head").fetchone()[0])
    )
    origin = origin_of(log_id)
    sub = SubChain(batches[0].execution_id)
    used = 0.0
    for batch in batches:
        database.execute("BEGIN IMMEDIATE")
        start = time.process_time()
        for event in batch.events:
            chain.append_event(event, sub)
        rows: list[tuple[Any, ...]] = [
            (*link[:6], None, None, None, None, *link[10:]) for link in chain.take_links()
        ]
        statement.insert_rows(database, statement.INSERT_EVENT, rows)
        head = chain.head
        database.execute("UPDATE head SET data = ?", (encode_head(head),))
        note = sign_checkpoint(origin, head.size, head.root, signer)
        database.execute(statement.INSERT_CHECKPOINT, (head.size, note))
        used += time.process_time() - start
        database.execute("COMMIT")
    return used


async def _empty(path: Path, clock: SystemClock, signer: BenchSigner) -> str:
    store = await open_store(path, signer, clock=clock)
    await store.close()
    return store.log_id


def _open(path: Path) -> sqlite3.Connection:
    """Open a database as its writer does."""
    database = sqlite3.connect(path, isolation_level=None, cached_statements=256)
    database.executescript("PRAGMA synchronous = FULL; PRAGMA recursive_triggers = ON")
    return database


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(dir=os.environ.get("MISSION_HOME")) as name:
        main(Path(name), int(sys.argv[1]), int(sys.argv[2]))
