"""The host of attempts on a worker, spoken to in process: no cluster is needed for that."""

import asyncio
import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.executors.dask.attempt_host import AttemptHost
from core.executors.dask.message import (
    Answer,
    Cancel,
    End,
    Hello,
    OutputBatch,
    Poll,
    Release,
    Start,
    TakeOver,
    decode_answer,
    encode,
)
from core.executors.dask.sealed_job import JobReader, open_reply, seal_job
from core.executors.tree import read_process
from core.ports.executor import Job, JobFile, OutcomeKind

EXECUTION = f"execution-{os.getpid()}"  # no other run ends its processes
ONE, TWO = f"{EXECUTION}/s/1", f"{EXECUTION}/s/2"
OTHER = f"other-{os.getpid()}/s/1"
SECRET = b"hunter2-hunter2"
REPLY_KEY = bytes(range(32))

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="a worker needs Linux")


class Runner:
    """A runner that speaks to one host; what it was told of each attempt."""

    def __init__(self, host: AttemptHost, session: str = "runner") -> None:
        self.host = host
        self.session = session
        self.received: dict[str, int] = {}
        self.batches: list[OutputBatch] = []
        self.held: dict[str, str] = {}
        self.granted = host.now()
        self.threads: list[threading.Thread] = []

    def ask(self, request: Any) -> Answer:
        return decode_answer(self.host.answer(encode(request)).result(10))

    def take_slot(self, key: str) -> None:
        announced = threading.Event()

        def hold() -> None:
            self.held[key] = self.host.hold_slot(self.session, key, announced.set)

        self.threads.append(threading.Thread(target=hold, daemon=True))
        self.threads[-1].start()
        assert announced.wait(5)

    def start(self, key: str, *argv: str, lease: float = 30.0, **fields: Any) -> Answer:
        fields = {"env": dict(os.environ), **fields}
        job = Job(key=key, argv=argv, cwd="/tmp", grace_seconds=0.2, **fields)
        return self.ask(
            Start(
                session=self.session,
                key=key,
                sealed=seal_job(job, self.host.public_key, REPLY_KEY),
                granted=self.host.now(),
                lease_seconds=lease,
            )
        )

    def poll(self, *, acknowledges: bool = True, wait: float = 1.0) -> list[OutputBatch]:
        answer = self.ask(
            Poll(
                session=self.session,
                granted=self.granted,
                received=dict(self.received) if acknowledges else {},
                paused=[],
                wait_seconds=wait,
            )
        )
        self.granted = answer.at
        for batch in answer.batches:
            if batch.number == self.received.get(batch.key, 0) + 1:
                self.received[batch.key] = batch.number
                self.batches.append(batch)
        return answer.batches

    def end_of(self, key: str) -> End:
        while True:
            for batch in self.batches:
                if batch.key == key and batch.end is not None:
                    return batch.end
            self.poll()

    def output_of(self, key: str) -> bytes:
        return b"".join(
            piece.data for batch in self.batches if batch.key == key for piece in batch.pieces
        )

    def released(self, key: str) -> str:
        for thread in self.threads:
            thread.join(5)
        return self.held[key]


@pytest.fixture
def host() -> Iterator[AttemptHost]:
    host = AttemptHost("1")
    host.start()
    yield host
    host.close().result(20)
    host._thread.join(5)


@pytest.fixture
def runner(host: AttemptHost) -> Runner:
    return Runner(host)


def test_a_job_runs_in_the_slot_that_was_taken_for_it(runner: Runner) -> None:
    runner.take_slot(ONE)

    assert runner.start(ONE, "sh", "-c", "echo out; echo err >&2; exit 3").refusal is None
    end = runner.end_of(ONE)

    assert end.outcome is not None
    assert (end.outcome.kind, end.outcome.exit_code) == (OutcomeKind.EXITED, 3)
    assert sorted(runner.output_of(ONE).split()) == [b"err", b"out"]
    assert runner.released(ONE) == "over"


def test_no_job_runs_without_a_slot_and_none_twice_in_the_same(runner: Runner) -> None:
    assert runner.start(ONE, "true").refusal == "there is no slot for it"
    runner.take_slot(ONE)
    runner.start(ONE, "echo", "once")
    runner.start(ONE, "echo", "twice")

    runner.end_of(ONE)

    assert runner.output_of(ONE) == b"once\n"


def test_a_job_that_was_sealed_for_another_worker_is_refused(runner: Runner) -> None:
    runner.take_slot(ONE)
    job = Job(key=ONE, argv=("true",), env={}, cwd="/")
    sealed = seal_job(job, JobReader().public_key, REPLY_KEY)

    answer = runner.ask(
        Start(session="runner", key=ONE, sealed=sealed, granted=0.0, lease_seconds=1.0)
    )

    assert answer.refusal == "the job was not sealed for this worker"
    runner.ask(Release(session="runner", key=ONE))
    assert runner.released(ONE) == "over"


def test_batches_are_sent_again_until_they_are_received(runner: Runner) -> None:
    runner.take_slot(ONE)
    runner.start(ONE, "echo", "kept")
    runner.end_of(ONE)

    again = runner.poll(acknowledges=False)
    runner.poll(wait=0.0)

    assert [batch.number for batch in again] == list(range(1, len(again) + 1))
    assert again[-1].end is not None
    assert runner.poll(acknowledges=False, wait=0.0) == []


def test_a_cancelled_attempt_ends_with_a_census(runner: Runner) -> None:
    runner.take_slot(ONE)
    runner.start(ONE, "sh", "-c", "echo begun; sleep 600 & wait")
    while not runner.output_of(ONE):
        runner.poll()

    runner.ask(Cancel(session="runner", key=ONE))
    end = runner.end_of(ONE)

    [census] = [census for batch in runner.batches for census in batch.censuses]
    assert census.processes >= 2
    assert census.survivors == 0
    assert (end.outcome, end.exit_code) == (None, -15)


def test_a_runner_that_is_silent_for_its_lease_loses_what_runs(runner: Runner) -> None:
    runner.take_slot(ONE)
    runner.start(ONE, "sh", "-c", "echo $$; exec sleep 600", lease=0.3)
    while not runner.output_of(ONE):
        runner.poll()
    pid = int(runner.output_of(ONE))

    assert runner.released(ONE) == "over"  # nobody polls

    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert runner.end_of(ONE).has_lapsed


def test_a_late_poll_does_not_extend_the_lease_beyond_what_the_runner_has_heard(
    runner: Runner,
) -> None:
    runner.take_slot(ONE)
    runner.start(ONE, "sleep", "600", lease=0.4)
    begin = time.monotonic()
    granted = runner.granted

    while runner.held.get(ONE) is None:
        runner.granted = granted  # as if no answer had ever come
        runner.poll(wait=0.02)

    assert 0.2 <= time.monotonic() - begin < 5.0
    assert runner.end_of(ONE).has_lapsed


def test_when_the_host_is_frozen_its_supervisor_ends_what_runs(
    host: AttemptHost, runner: Runner
) -> None:
    runner.take_slot(ONE)
    runner.start(ONE, "sh", "-c", "echo $$; exec sleep 600", lease=0.6)
    end = time.monotonic() + 1.5
    while time.monotonic() < end or not runner.output_of(ONE):
        runner.poll(wait=0.05)  # until the supervisor has its lease
    pid = int(runner.output_of(ONE))

    thaw = threading.Event()
    host._loop.call_soon_threadsafe(thaw.wait, 10)
    try:
        until = time.monotonic() + 8
        while is_running(pid) and time.monotonic() < until:
            time.sleep(0.02)
        assert not is_running(pid)
    finally:
        thaw.set()
    assert runner.end_of(ONE).has_lapsed


def is_running(pid: int) -> bool:
    return read_process(pid) is not None


def test_a_new_runner_of_an_execution_ends_what_an_earlier_one_has_running(
    host: AttemptHost, runner: Runner
) -> None:
    runner.take_slot(ONE)
    runner.start(ONE, "sleep", "600")
    runner.take_slot(OTHER)
    runner.start(OTHER, "sleep", "600")
    later = Runner(host, "later")

    census = later.ask(TakeOver(session="later", execution_id=EXECUTION)).census

    assert census is not None
    assert census.processes == 1
    assert runner.end_of(ONE).has_lapsed
    assert all(batch.key == ONE for batch in runner.batches)


def test_values_are_masked_before_they_leave_the_worker(runner: Runner) -> None:
    runner.take_slot(ONE)
    runner.start(ONE, "echo", f"it is {SECRET.decode()}", masked=(("TOKEN", SECRET),))

    end = runner.end_of(ONE)

    assert runner.output_of(ONE) == b"it is ***\n"
    assert end.redactions == {"TOKEN": 1}


def test_the_file_of_a_job_is_written_where_it_runs_and_removed(runner: Runner) -> None:
    file = JobFile(path="/nowhere/at/all/script", content=b"echo $0")
    runner.take_slot(ONE)
    runner.start(ONE, "sh", file.path, file=file)

    runner.end_of(ONE)
    path = runner.output_of(ONE).decode().strip()

    assert path.endswith("/script")
    assert not path.startswith("/nowhere")
    assert not os.path.exists(path)  # noqa: PTH110 - a text as it was printed


def test_a_host_says_who_it_is(host: AttemptHost, runner: Runner) -> None:
    answer = runner.ask(Hello())

    assert (answer.version, answer.instance) == ("1", host.public_key)


def test_closing_ends_what_runs() -> None:
    host = AttemptHost("1")
    host.start()
    runner = Runner(host)
    runner.take_slot(ONE)
    runner.start(ONE, "sleep", "600")
    runner.take_slot(TWO)

    host.close().result(20)

    assert runner.released(ONE) == "over"
    assert runner.held[TWO] in ("over", "unclaimed")


def test_a_sealed_job_is_the_same_job_for_its_reader_alone() -> None:
    reader = JobReader()
    name = os.fsdecode(b"caf\xe9")
    job = Job(
        key=ONE,
        argv=("x", name),
        env={"A": name},
        cwd="/" + name,
        stdin=b"\0",
        needs={"gpu": 1.0},
        masked=(("T", SECRET),),
    )
    sealed = seal_job(job, reader.public_key, REPLY_KEY)

    assert reader.open(sealed).job == job
    assert SECRET not in sealed
    with pytest.raises(ValueError, match="not sealed"):
        JobReader().open(sealed)
    with pytest.raises(ValueError, match="not sealed"):
        reader.open(sealed[:-1] + bytes([sealed[-1] ^ 1]))


def test_what_a_step_asks_to_mask_is_masked_on_the_worker_and_told_to_the_runner_alone(
    runner: Runner, tmp_path: Path
) -> None:
    minted = b"minted-by-the-step"
    runner.take_slot(ONE)
    script = f'echo mask:{minted.decode()} > "$MISSION_MASK"; echo "a {minted.decode()} b"; exit 3'

    runner.start(
        ONE,
        "sh",
        "-c",
        script,
        masked=(("T", SECRET),),
        private_folder=str(tmp_path),
        env={**os.environ, "MISSION_MASK": str(tmp_path / "MISSION_MASK")},
    )
    end = runner.end_of(ONE)

    assert end.outcome is not None
    assert end.outcome.exit_code == 3
    assert end.redactions == {"minted": 1}
    assert minted not in runner.output_of(ONE)
    assert runner.output_of(ONE).startswith(b"a ")
    first = next(batch for batch in runner.batches if batch.minted)
    told = open_reply(first.minted, REPLY_KEY, first.number)
    assert told == b"mask:" + minted + b"\n"
    assert all(minted not in encode(batch) for batch in runner.batches)
    with pytest.raises(ValueError, match="not sealed"):
        open_reply(first.minted, bytes(32), first.number)


def test_a_slot_of_a_closed_host_is_given_back_at_once() -> None:
    host = AttemptHost("1")
    host.start()
    host.close().result(20)

    assert host.hold_slot("runner", ONE, lambda: None) == "closed"
    assert not asyncio.all_tasks(host._loop)
