"""An executor whose output has secrets masked before the step that started the process sees it.

So what a step keeps of the output, cuts or parses holds no secret and no part of one.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from msgspec.structs import replace

from core.domain.mission import EMPTY
from core.output.masked_sink import MaskedSink
from core.output.masker import Masker
from core.ports.executor import Census, Executor, Job, LateEnd, Outcome, OutputSink, WorkerLoad


class MaskedExecutor:
    """Implements `core.ports.executor.Executor` over another one, for one attempt.

    `before_output` is called before any bytes are masked, and at the end; `count` gets the number
    of redactions by the secret's name. `passed` gets the masked bytes just before the sink does, so
    that a capture behind the sink need not mask these again.

    The job takes along the secrets that were `delivered` to it, by name, and says in which `folder`
    they are as files, for an executor that runs it on another machine; `minted` gets what it writes
    to its mask pipe there.
    """

    def __init__(
        self,
        executor: Executor,
        masker: Masker,
        *,
        count: Callable[[Mapping[str, int]], None],
        before_output: Callable[[], None] = lambda: None,
        passed: Callable[[bytes], None] = lambda _: None,
        delivered: Mapping[str, bytes] = EMPTY,
        folder: Path | None = None,
        minted: Callable[[bytes], None] | None = None,
    ) -> None:
        self._minted = minted
        self._delivered = tuple(delivered.items())
        self._folder = folder
        self._passed = passed
        self._executor = executor
        self._masker = masker
        self._before_output = before_output
        self._count = count

    async def run(self, job: Job, sink: OutputSink) -> Outcome:
        """Run `job` to its end, masked output into `sink`."""
        masked = MaskedSink(sink, self._masker, self._before_output, self._passed)
        if self._delivered:
            job = replace(
                job,
                masked=self._delivered,
                private_folder=_folder_text(self._folder),
                on_minted=self._minted,
            )
        try:
            outcome = await self._executor.run(job, masked)
            self._count(outcome.redactions)
            return outcome
        finally:
            self._count(masked.flush())

    async def slots(self) -> int | None:
        """Return how many jobs the other executor can run at once."""
        return await self._executor.slots()

    async def workers(self) -> Sequence[WorkerLoad] | None:
        """Return the workers of the other executor."""
        return await self._executor.workers()

    async def end_leftovers(self, execution_id: str) -> Census:
        """End what the jobs of an execution left behind."""
        return await self._executor.end_leftovers(execution_id)

    def late_ends(self, execution_id: str) -> Sequence[LateEnd]:
        """Return the ends of lost jobs that were told after all."""
        return self._executor.late_ends(execution_id)

    def hurry(self, scope: str | None = None) -> None:
        """End the grace of the jobs that are being ended."""
        self._executor.hurry(scope)

    async def close(self) -> None:
        """Leave the executor open: it belongs to the runner, not to an attempt."""


def _folder_text(folder: Path | None) -> str | None:
    return None if folder is None else str(folder)
