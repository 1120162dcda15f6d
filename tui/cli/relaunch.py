"""Orders for executions that are linked to an earlier one: retry, rerun, resume-from."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from msgspec.structs import replace

from core.domain.fold import Snapshot
from core.domain.mission import Mission, MissionSource
from core.domain.states import is_terminal
from core.graph.dag import Graph
from core.launch.order import Order
from core.launch.selection import Selection, after, again, attempt_base, select
from core.mission_file.load import load_mission
from core.operations.mission_order import require_valid
from core.operations.snapshot import load_snapshot
from core.planning.earlier_items import Earlier
from core.ports.execution_query import ExecutionQuery
from core.ports.reader import Reader
from storage.read.reader import open_reader


def select_steps(
    order: Order,
    reader: Reader | None,
    *,
    only: Sequence[str] = (),
    skip: Sequence[str] = (),
    resume_from: str | None = None,
) -> Order:
    """Return `order` restricted to a part of its mission; `NotFoundError` for an unknown step.

    `resume_from` takes what lies before that step from the mission's latest ended execution.
    """
    if resume_from is None:
        left_out = select(order.mission, only=only, skip=skip)
        return replace(order, unselected=left_out) if left_out else order
    earlier = None if reader is None else _latest(reader, order.mission)
    chosen = after(order.mission, Graph.of(order.mission), resume_from, earlier)
    return replace(order, unselected=chosen.unselected | set(skip), reuse=chosen.reuse)


def _latest(reader: Reader, mission: Mission) -> Snapshot | None:
    """Return the newest ended execution of a mission of that name, if there is one."""
    for execution in reader.executions(
        ExecutionQuery(limit=50, mission_name=mission.name, include_children=True)
    ):
        if is_terminal(execution.state):
            return load_snapshot(reader, execution.execution_id)
    return None


def stored_mission(reader: Reader, snapshot: Snapshot) -> tuple[Mission, MissionSource]:
    """Return the mission an execution was made from, from the database."""
    execution = snapshot.current
    source = reader.mission_source(execution.mission_digest)
    name = execution.source_path or "<stdin>"
    return require_valid(load_mission(source.content, name=name, fmt=source.format))


def retry_order(
    reader: Reader,
    execution_id: str,
    *,
    steps: Sequence[str] = (),
    downstream: bool = False,
    reason: str,
    actor: str,
    may_be_empty: bool = False,
) -> tuple[Order, Selection]:
    """Return the order that runs again what failed (or `steps`), and what it covers.

    Raises `ConflictError` for an execution that has not ended or, unless it `may_be_empty`, has
    nothing left to run but its handlers.
    """
    earlier = load_snapshot(reader, execution_id)
    mission, source = stored_mission(reader, earlier)
    chosen = again(
        mission,
        Graph.of(mission),
        earlier,
        steps=steps,
        downstream=downstream,
        may_be_empty=may_be_empty,
    )
    execution = earlier.current
    order = Order(
        mission=mission,
        source=source,
        actor=actor,
        params=execution.params,
        source_path=execution.source_path,
        working_dir=execution.working_dir,
        retry_of=execution.execution_id,
        unselected=chosen.unselected,
        reuse=chosen.reuse,
        attempt_base=attempt_base(earlier, chosen.run),
        retry_scope=chosen.scope.to_json(),
        reason=reason,
    )
    return order, chosen


def earlier_of(path: Path, snapshot: Snapshot) -> Earlier | None:
    """Return what `snapshot` retries, read from the database at `path` when it is asked for."""
    retried = snapshot.current.retry_of
    if retried is None:
        return None

    def load() -> Snapshot:
        with closing(open_reader(path)) as reader:
            return load_snapshot(reader, retried)

    return Earlier(snapshot, load)


def rerun_order(reader: Reader, execution_id: str, *, reason: str, actor: str) -> Order:
    """Return the order that runs an execution's mission afresh with the same parameters."""
    earlier = load_snapshot(reader, execution_id)
    mission, source = stored_mission(reader, earlier)
    execution = earlier.current
    return Order(
        mission=mission,
        source=source,
        actor=actor,
        params=execution.params,
        source_path=execution.source_path,
        working_dir=execution.working_dir,
        rerun_of=execution.execution_id,
        reason=reason,
    )
