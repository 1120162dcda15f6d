"""The load of a cluster's workers in words."""

from msgspec.structs import replace

from core.domain.reasons import Reason
from core.domain.records import Attempt
from core.domain.states import AttemptState
from core.machine.runner_identity import identity
from core.ports.control import Lease
from core.ports.executor import WorkerLoad
from tui.lines.worker_lines import worker_lines

SECOND = 1_000_000_000
LEASE = Lease(
    execution_id="e",
    owner="o",
    epoch=1,
    expires_at=0,
    identity=identity(),
    workers_at=100 * SECOND,
    workers=(
        WorkerLoad(worker="tls://n2:1", name="two\x1b[2J", host="n2", slots=4, running=1),
        WorkerLoad(
            worker="tls://n1:1",
            name="tls://n1:1",
            host="n1",
            slots=4,
            running=4,
            cpu_percent=12.6,
            memory_bytes=2**20,
            memory_limit_bytes=2**30,
        ),
    ),
)


def an_attempt(worker: str, state: AttemptState = AttemptState.RUNNING) -> Attempt:
    return Attempt(
        execution_id="e",
        task_id="t",
        attempt=1,
        state=state,
        reason_code=Reason.STARTED,
        started_at=0,
        placement={"host": "n", "worker": worker},
    )


def test_each_worker_has_its_slots_and_the_attempts_of_this_run() -> None:
    attempts = [
        an_attempt("tls://n1:1"),
        an_attempt("tls://n1:1", AttemptState.LOST),
        an_attempt("tls://n2:1"),
    ]

    all_of_them, first, second = worker_lines(LEASE, attempts, 101 * SECOND)

    assert all_of_them == "5 of 8 slots taken on 2 workers"
    assert first.startswith("tls://n1:1")
    assert first.endswith("4/4 slots, 1 of this run, CPU 13%, 1.0 MiB")
    assert second.startswith("two")
    assert "\x1b" not in second
    assert "1/4 slots, 1 of this run" in second


def test_what_was_said_long_ago_has_its_age_and_nothing_is_said_without_a_cluster() -> None:
    assert worker_lines(LEASE, [], 160 * SECOND)[0].endswith(", 1m ago")
    assert worker_lines(replace(LEASE, workers=()), [], 0) == []
    assert worker_lines(None, [], 0) == []
