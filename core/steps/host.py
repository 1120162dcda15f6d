"""What a step may ask of the engine that runs it: a person's word, or another mission."""

from collections.abc import Mapping
from typing import Any, Protocol

from msgspec import Struct

from core.model import MissionResult


class Approval(Struct, frozen=True):
    """A person's answer to an approval step."""

    approved: bool
    by: str
    comment: str


class StepHost(Protocol):
    """The engine as a step sees it. Both methods may be cancelled while they wait."""

    async def approval(self, prompt: str, approvers: tuple[str, ...]) -> Approval:
        """Let the task run wait, slot given back, until somebody entitled has answered."""

    async def run_mission(self, file: str, params: Mapping[str, Any]) -> MissionResult:
        """Run another mission to its end as a linked execution and return its result.

        Raises `MissionDeckError` when it cannot be run at all.
        """
