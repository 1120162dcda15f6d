"""Run a mission inside a mission: a linked execution in the same runner."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import ConflictError
from core.fold import Snapshot
from core.launch import Order, launch
from core.model import MissionResult
from core.ports import Clock, Receipt
from core.result import mission_result
from core.spec.load import load_mission
from storage.store import Store
from tui.cli.order import make_order

MAX_DEPTH = 8
"""Missions inside missions; a mission that runs itself ends here."""

DriveChild = Callable[[str, Order, Snapshot], Awaitable[Receipt | None]]
"""Drives a step's created child to its end; when cancelled, cancels it gracefully first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildRunner:
    """Implements the engine's `RunMission` for one parent execution.

    `folder` is that of the parent's mission file; `depth` counts the parents above.
    """

    store: Store
    clock: Clock
    parent_id: str
    folder: Path
    actor: str
    depth: int
    drive: DriveChild

    async def __call__(self, task_id: str, file: str, params: Mapping[str, Any]) -> MissionResult:
        """Load, create, drive and return the result.

        Raises `MissionDeckError` for a file that is not there, not valid, or nested too deep.
        """
        if self.depth >= MAX_DEPTH:
            raise ConflictError(f"missions are nested more than {MAX_DEPTH} deep")
        path = self.folder / file
        loaded = await asyncio.to_thread(load_mission, path)
        order = make_order(
            loaded,
            reference=str(path),
            actor=self.actor,
            params=params,
            parent_execution_id=self.parent_id,
        )
        snapshot, _ = await launch(order, self.clock, self.store.journal)
        receipt = await self.drive(task_id, order, snapshot)
        events = 0 if receipt is None else receipt.execution_events
        return mission_result(
            order.mission, snapshot, events_logged=events, integrity_verified=False
        )
