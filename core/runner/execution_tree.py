"""Limits on nested executions, and the recovery of sub-missions that a lost runner left."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from msgspec import Struct, field

from core.domain.records import Execution
from core.domain.states import ExecutionState
from core.errors import ConflictError, LeaseHeldError
from core.launch.order import Order
from core.operations.ancestry import MAX_DEPTH, ancestors, descendants
from core.operations.lost import mark_lost
from core.operations.recorded_mission import stored_mission
from core.operations.site import OpenStore, Site
from core.operations.snapshot import load_snapshot
from core.planning.recovery import needs_consent

MAX_EXECUTIONS = 5_000
"""The most executions in the tree of one that a user started, itself included."""


class Origin(Struct, frozen=True):
    """Which file an execution was made from: its real path, None for standard input, and digest."""

    path: Path | None
    digest: str

    def is_same(self, other: "Origin") -> bool:
        """Tell whether both are one mission: the same file, or the same text in the same folder.

        What a mission runs is named relative to its file, so the same text elsewhere may run
        something else.
        """
        if self.path is None or other.path is None:
            return self.digest == other.digest
        return self.path == other.path or (
            self.digest == other.digest and self.path.parent == other.path.parent
        )


def origin_of(source_path: str | None, digest: str) -> Origin:
    """Return the origin of a mission, links in its path resolved."""
    return Origin(None if source_path is None else Path(source_path).resolve(), digest)


class ExecutionTree(Struct):
    """How many executions there are under one that somebody started, itself included."""

    count: int = 1
    limit: int = field(default_factory=lambda: MAX_EXECUTIONS)

    def admit(self, order: Order, above: Sequence[Origin]) -> None:
        """Count one more execution, or raise `ConflictError` when it must not be made.

        `above` are the origins from the root down to the execution that asks.
        """
        origin = origin_of(order.source_path, order.source.digest)
        if any(origin.is_same(one) for one in above):
            raise ConflictError(
                f"{order.source_path} runs itself: an execution above this one was made from"
                " the same file",
                hint="a loop is `foreach`, a second try is `retry`",
            )
        if len(above) > MAX_DEPTH:
            raise ConflictError(f"missions are nested more than {MAX_DEPTH} deep")
        if self.count >= self.limit:
            raise ConflictError(
                f"more than {self.limit:,} executions under one that somebody started",
                hint="let fewer sub-missions do more steps each, or start several missions",
            )
        self.count += 1


def read_execution_tree(site: Site, execution: Execution) -> tuple[ExecutionTree, list[Origin]]:
    """Return the tree of an execution that goes on, and the origins from its root down to it."""
    with closing(site.open_reader()) as reader:
        above = [
            origin_of(one.source_path, one.mission_digest) for one in ancestors(reader, execution)
        ]
        count = 1 + sum(1 for _ in descendants(reader, execution.execution_id))
    return ExecutionTree(count), [
        *reversed(above),
        origin_of(execution.source_path, execution.mission_digest),
    ]


async def recover_sub_missions(site: Site, store: OpenStore, execution_id: str) -> list[str]:
    """Mark the sub-missions below that a lost runner left; return steps that need a consent.

    Each is named behind the steps above it.
    """
    unsafe: list[str] = []
    with closing(site.open_reader()) as reader:
        for child in descendants(reader, execution_id, live=True):
            if child.state in {ExecutionState.RUNNING, ExecutionState.PAUSED}:
                try:
                    await mark_lost(store, site.clock, reader, child.execution_id)
                except LeaseHeldError:  # a person let it go on by itself
                    continue
            snapshot = load_snapshot(reader, child.execution_id)
            mission, _ = stored_mission(reader, child)
            front = child.parent_task_id or child.mission_name
            unsafe += [f"{front} › {step}" for step in needs_consent(mission, snapshot)]
    return unsafe
