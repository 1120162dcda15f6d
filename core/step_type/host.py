"""What a step may request of the engine: a person's approval, or the run of another mission."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from msgspec import Struct

from core.domain.mission import EMPTY
from core.domain.records import MissionResult, TaskRun

TakeInputs = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""Returns the values of an approval as their types; raises `UsageError` for wrong ones."""


class Approval(Struct, frozen=True):
    """A person's answer to an approval step."""

    approved: bool
    by: str
    comment: str
    inputs: Mapping[str, Any] = EMPTY
    """The values of what was asked for, as their types."""


class SubMissionEnd(Struct, frozen=True):
    """How a sub-mission ended. `cause` is the root failure in one line, None for a success."""

    result: MissionResult
    cause: str | None


class SubMissions(Protocol):
    """Runs the sub-missions of one execution.

    A new attempt of a step continues the sub-mission that the last attempt lost, and retries one
    that failed.
    """

    async def run(self, task: TaskRun, file: str, params: Mapping[str, Any]) -> SubMissionEnd:
        """Run a mission for the running attempt of `task`; `MissionDeckError` if it cannot run."""

    async def run_text(self, task: TaskRun, content: bytes) -> SubMissionEnd:
        """Run a mission that has no file, as `run` does; `content` is its JSON."""

    def has_abandoned(self) -> bool:
        """Tell whether a sub-mission is left that no step will continue."""

    async def end_abandoned(self) -> None:
        """Cancel the sub-missions that are left, and wait until they have ended."""


class StepHost(Protocol):
    """The engine as a step sees it. Its coroutines may be cancelled while they wait."""

    async def approval(
        self, prompt: str, approvers: tuple[str, ...], until: int | None, take: TakeInputs
    ) -> Approval:
        """Release the slot and wait until an approver has answered.

        An answer given after the instant `until` does not count, nor an approval whose values
        `take` refuses.
        """

    def service_ready(self, message: str) -> None:
        """Release the slot: the service is ready, and the steps that depend on it may start."""

    async def run_mission(self, file: str, params: Mapping[str, Any]) -> SubMissionEnd:
        """Run another mission to its end as a linked execution and return how it ended.

        Raises `MissionDeckError` when it cannot be run at all.
        """

    async def run_steps(self, content: bytes) -> SubMissionEnd:
        """Run a mission that has no file, given as JSON, as `run_mission` does."""
