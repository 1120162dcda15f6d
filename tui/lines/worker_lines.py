"""The workers of a cluster and their load, as lines."""

from collections import Counter
from collections.abc import Iterable, Sequence

from core.domain.records import Attempt
from core.domain.state_word import counted
from core.domain.states import is_terminal
from core.ports.control import Lease
from core.ports.executor import WorkerLoad
from core.value.timestamp import SECOND_NS
from tui.words.numbers import rough, size
from tui.words.safe_text import fit, safe_line

OLDEST_SECONDS = 15.0
"""What workers did longer ago is shown with its age."""

_NAME_CELLS = 18


def worker_lines(lease: Lease | None, attempts: Iterable[Attempt], now: int) -> list[str]:
    """Return a line on all workers, then one for each: name, slots, attempts there, and load.

    `attempts` are those of the execution; CPU and memory are those of the worker's own process.
    Empty without a cluster.
    """
    if lease is None or not lease.workers:
        return []
    here = Counter(
        (one.placement or {}).get("worker") for one in attempts if not is_terminal(one.state)
    )
    workers = sorted(lease.workers, key=lambda one: (one.host, one.name))
    return [
        f"{slots_text(workers)}{_age(lease, now)}",
        *(_worker_line(one, here[one.worker]) for one in workers),
    ]


def slots_text(workers: Sequence[WorkerLoad]) -> str:
    """Return how many slots of how many workers are taken, whoever takes them."""
    taken, slots = sum(one.running for one in workers), sum(one.slots for one in workers)
    return f"{taken} of {counted(slots, 'slot')} taken on {counted(len(workers), 'worker')}"


def _worker_line(worker: WorkerLoad, attempts: int) -> str:
    return safe_line(
        f"{fit(worker.name, _NAME_CELLS)}  {worker.running}/{worker.slots} slots, "
        f"{attempts} of this run, CPU {worker.cpu_percent:.0f}%, {size(worker.memory_bytes)}"
    )


def _age(lease: Lease, now: int) -> str:
    seconds = (now - lease.workers_at) / SECOND_NS
    return "" if seconds <= OLDEST_SECONDS else f", {rough(seconds)} ago"
