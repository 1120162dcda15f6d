"""Prints the wall seconds of running `true` COUNT times on a Dask cluster of this machine.

python -m benchmarks.probe_cluster plain|executor|mission COUNT WORKERS

plain     `client.map` of a function that starts the process and waits for it
executor  the executor of missions, without engine and record
mission   a mission of COUNT steps, by `mission run --executor`
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.probe_spawn import Nowhere
from benchmarks.workload import TRUE
from core.executors.dask.cluster_address import parse_cluster_address
from core.executors.dask.dask_executor import DaskExecutor
from core.executors.platform_executor import platform_executor
from core.ports.executor import Job

THREADS = 2
"""Slots of each worker."""


def run_true(_number: int) -> int:
    return subprocess.run([TRUE], stdin=subprocess.DEVNULL, capture_output=True).returncode


def plain(cluster: Any, count: int, _slots: int) -> float:
    from distributed import Client

    connected: Any = Client
    with connected(cluster) as client:
        client.gather(client.map(run_true, range(10), pure=False))
        begin = time.perf_counter()
        client.gather(client.map(run_true, range(count), pure=False))
        return time.perf_counter() - begin


def executor(cluster: Any, count: int, slots: int) -> float:
    return asyncio.run(_through_executor(cluster.scheduler_address, count, slots))


async def _through_executor(url: str, count: int, slots: int) -> float:
    ours = DaskExecutor(parse_cluster_address(url), platform_executor())
    numbers = iter(range(count))

    async def keep_busy() -> None:
        for number in numbers:
            job = Job(key=f"bench/s{number}/1", argv=(TRUE,), env=dict(os.environ), cwd="/")
            outcome = await ours.run(job, Nowhere())
            if outcome.exit_code:
                raise RuntimeError(f"{job.key}: {outcome}")

    warm = Job(key="bench/warm/1", argv=(TRUE,), env=dict(os.environ), cwd="/")
    await ours.run(warm, Nowhere())
    begin = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(slots):
            group.create_task(keep_busy())
    took = time.perf_counter() - begin
    await ours.close()
    return took


def mission(cluster: Any, count: int, slots: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        steps = [
            {"id": f"s{number}", "step_type": "command", "parameters": {"command": TRUE}}
            for number in range(count)
        ]
        file = Path(folder) / "mission.json"
        config = {"parallel_limit": slots}
        file.write_text(
            json.dumps({"version": "1.0", "name": "bench", "config": config, "steps": steps})
        )
        script = str(Path(sys.executable).with_name("mission"))
        where = f"dask={cluster.scheduler_address}"
        begin = time.perf_counter()
        subprocess.run(
            [script, "run", "--quiet", "--executor", where, str(file)],
            check=True,
            env={**os.environ, "MISSION_HOME": folder, "MISSION_DB": ""},
        )
        return time.perf_counter() - begin


CONTENDERS = {"plain": plain, "executor": executor, "mission": mission}


def main(name: str, count: int, workers: int) -> None:
    from distributed import LocalCluster

    start: Any = LocalCluster
    with start(
        n_workers=workers,
        threads_per_worker=THREADS,
        dashboard_address=":0",
        host="127.0.0.1",
        silence_logs=50,
    ) as cluster:
        print(json.dumps({"wall": CONTENDERS[name](cluster, count, workers * THREADS)}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
