"""Who has, and who waits for, the groups of missions and the mutexes of steps."""

from collections.abc import Sequence
from contextlib import closing

from msgspec import Struct

from core.domain.mission import GroupPolicy
from core.errors import ConflictError, UnavailableError
from core.launch.group_name import group_of
from core.launch.order import Order
from core.machine.ownership import is_owned
from core.mission_file.keys.param_values import resolve_params
from core.operations.site import Site
from core.ports.claims import Claim, ClaimKind
from core.ports.reader import Reader


class Queue(Struct, frozen=True, kw_only=True):
    """One group or mutex: the claims that are granted, and those that wait, in their order."""

    kind: ClaimKind
    name: str
    granted: tuple[Claim, ...]
    waiting: tuple[Claim, ...]


class QueuePlace(Struct, frozen=True, kw_only=True):
    """Where an execution stands in its concurrency group: `ahead` of it are these, the next first.

    While it `is_held`, others pass it.
    """

    group: str
    ahead: tuple[Claim, ...]
    is_held: bool


def queues(reader: Reader, now: int) -> list[Queue]:
    """Return what is claimed by executions whose runners are alive, groups first, by name."""
    alive: dict[str, bool] = {}
    found: dict[tuple[ClaimKind, str], list[Claim]] = {}
    for claim in reader.claims():
        owned = alive.get(claim.execution_id)
        if owned is None:
            owned = alive[claim.execution_id] = is_owned(reader.lease(claim.execution_id), now)
        if owned:
            found.setdefault((claim.kind, claim.name), []).append(claim)
    return [_queue(kind, name, found[kind, name]) for kind, name in sorted(found)]


def queue_places(reader: Reader, now: int) -> dict[str, QueuePlace]:
    """Return the place of each execution that waits in its concurrency group, by its id."""
    return {
        claim.execution_id: QueuePlace(
            group=queue.name,
            ahead=(
                *(one for one in queue.granted if not _is_of_tree(one, claim)),
                *(one for one in queue.waiting[:place] if _holds_up(one, claim)),
            ),
            is_held=claim.is_held,
        )
        for queue in queues(reader, now)
        if queue.kind is ClaimKind.GROUP
        for place, claim in enumerate(queue.waiting)
    }


def is_on_hold(reader: Reader, execution_id: str) -> bool:
    """Tell whether an execution is held back in its concurrency group."""
    return any(
        one.is_held and one.kind is ClaimKind.GROUP
        for one in reader.claims()
        if one.execution_id == execution_id
    )


def require_turn(site: Site, order: Order) -> None:
    """Refuse what would be refused by the policy of its concurrency group, before it is recorded.

    Raises `ConflictError`, and `UsageError` for a group whose name cannot be resolved. Another
    execution may still be faster: the runner decides.
    """
    concurrency = order.mission.concurrency
    if concurrency is None:
        return
    group = group_of(order.mission, resolve_params(order.mission, order.params))
    if concurrency.policy is not GroupPolicy.REFUSE:
        return
    try:
        with closing(site.open_reader()) as reader:
            found = queues(reader, site.clock.now())
    except UnavailableError:  # there is no database yet
        return
    for queue in found:
        if (queue.kind, queue.name) == (ClaimKind.GROUP, group):
            first = (*queue.granted, *queue.waiting)[0]
            raise ConflictError(
                f"{first.label or first.execution_id} of the group `{group}` is before it",
                hint="its `concurrency.policy` is refuse; `mission queue` shows the group",
            )


def _holds_up(one: Claim, claim: Claim) -> bool:
    """Tell whether a claim that waits, and comes before another one, is waited for by that."""
    return not one.is_held and not _is_of_tree(one, claim)


def _is_of_tree(one: Claim, claim: Claim) -> bool:
    """Tell whether two claims are of one execution and its sub-missions: these run together."""
    return one.tree == claim.tree != ""


def _queue(kind: ClaimKind, name: str, claims: Sequence[Claim]) -> Queue:
    return Queue(
        kind=kind,
        name=name,
        granted=tuple(one for one in claims if one.granted_at is not None),
        waiting=tuple(one for one in claims if one.granted_at is None),
    )
