"""A Dask cluster of processes on this machine, for tests: one for each process that runs tests."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

LEASE_SECONDS = 3.0


@contextmanager
def dask_cluster(workers: int = 2, threads: int = 20) -> Iterator[str]:
    """Start a scheduler and workers on loopback; yield the scheduler's address.

    Skips the test where Dask is not installed.
    """
    distributed = pytest.importorskip("distributed", reason="needs missiondeck[dask]")
    with distributed.LocalCluster(
        n_workers=workers,
        threads_per_worker=threads,
        processes=True,
        dashboard_address=":0",
        host="127.0.0.1",
        silence_logs=50,
    ) as cluster:
        yield cluster.scheduler_address
