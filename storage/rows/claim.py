"""Claims of executions on groups and mutexes, as rows; which of them count is decided here.

Runs on the connection's thread, inside its transactions.
"""

import sqlite3
from collections.abc import Iterator
from enum import Enum

from msgspec.structs import replace

from core.ports.claims import Claim, ClaimAnswer, ClaimKind
from core.ports.control import Lease
from storage.rows.lease import is_live, read_lease

_COLUMNS = """
SELECT claim.id, claim.kind, claim.name, claim.execution_id, claim.task_id, claim.tree,
  claim.priority, claim.asked_at, claim.granted_at, claim.is_held,
  coalesce(execution.mission_name || '#' || execution.run_number, execution.mission_name, '')
FROM claim LEFT JOIN execution ON execution.execution_id = claim.execution_id
"""
_ORDER = "ORDER BY claim.granted_at IS NULL, claim.priority DESC, claim.id"
_OF_NAME = f"{_COLUMNS} WHERE claim.kind = ? AND claim.name = ? {_ORDER}"
_ALL = f"{_COLUMNS} {_ORDER}"
_INSERT = """
INSERT OR IGNORE INTO claim (kind, name, execution_id, task_id, tree, priority, asked_at)
VALUES (?, ?, ?, ?, ?, ?, ?)
"""
_HOLD = "UPDATE claim SET is_held = ? WHERE id = ? AND is_held <> ?"
_GRANT = "UPDATE claim SET granted_at = ? WHERE id = ?"
_DROP_DEAD = "DELETE FROM claim WHERE id = ?"
_DROP = "DELETE FROM claim WHERE kind = ? AND name = ? AND execution_id = ? AND task_id = ?"
_DROP_ALL = "DELETE FROM claim WHERE execution_id = ?"


def ask(connection: sqlite3.Connection, lease: Lease, wanted: Claim, now: int) -> ClaimAnswer:
    """Queue a claim up, and grant it if nothing that counts is ahead of it.

    What a dead runner waited for is dropped; what it had counts until its loss is recorded.
    """
    own_key = (wanted.kind.value, wanted.name, lease.execution_id, wanted.task_id or "")
    found = list(_of_name(connection, wanted))
    if not any(_is_own(claim, wanted, lease) for _, claim in found):
        connection.execute(_INSERT, (*own_key, wanted.tree, wanted.priority, now))
        found = list(_of_name(connection, wanted))
    ahead: list[Claim] = []
    abandoned: list[str] = []
    for number, claim in found:
        if _is_own(claim, wanted, lease):
            answer = _decide(connection, number, claim, wanted, ahead, now)
            return replace(answer, abandoned=tuple(abandoned))
        is_had = claim.granted_at is not None
        owner = _owner(connection, claim, now)
        if owner is _Owner.NONE or (owner is _Owner.DEAD and not is_had):
            connection.execute(_DROP_DEAD, (number,))
        elif not _may_run_beside(claim, wanted) and (is_had or not claim.is_held):
            ahead.append(claim)
            if owner is _Owner.DEAD:
                abandoned.append(claim.execution_id)
    raise LookupError(f"the claim on {wanted.name} was not stored")


def give_back(connection: sqlite3.Connection, lease: Lease, claim: Claim) -> None:
    """Remove a claim. Idempotent."""
    connection.execute(
        _DROP, (claim.kind.value, claim.name, lease.execution_id, claim.task_id or "")
    )


def give_back_all(connection: sqlite3.Connection, execution_id: str) -> None:
    """Remove all claims of an execution, whose lease is released."""
    connection.execute(_DROP_ALL, (execution_id,))


def read_claims(connection: sqlite3.Connection) -> list[Claim]:
    """Return all claims, also of dead runners: those granted first, then in their order."""
    return [_claim_of(row) for row in connection.execute(_ALL).fetchall()]


def _decide(
    connection: sqlite3.Connection,
    number: int,
    own: Claim,
    wanted: Claim,
    ahead: list[Claim],
    now: int,
) -> ClaimAnswer:
    if own.granted_at is not None:
        return ClaimAnswer(is_granted=True)
    connection.execute(_HOLD, (wanted.is_held, number, wanted.is_held))
    if ahead or wanted.is_held:
        return ClaimAnswer(is_granted=False, ahead=tuple(ahead))
    connection.execute(_GRANT, (now, number))
    return ClaimAnswer(is_granted=True)


def _of_name(connection: sqlite3.Connection, wanted: Claim) -> Iterator[tuple[int, Claim]]:
    for row in connection.execute(_OF_NAME, (wanted.kind.value, wanted.name)).fetchall():
        yield row[0], _claim_of(row)


def _claim_of(row: tuple[object, ...]) -> Claim:
    _, kind, name, execution_id, task_id, tree, priority, asked_at, granted_at, is_held, label = row
    return Claim(
        kind=ClaimKind(str(kind)),
        name=str(name),
        execution_id=str(execution_id),
        task_id=str(task_id) or None,
        tree=str(tree),
        priority=_whole(priority),
        asked_at=_whole(asked_at),
        granted_at=None if granted_at is None else _whole(granted_at),
        is_held=bool(is_held),
        label=str(label),
    )


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0


def _is_own(claim: Claim, wanted: Claim, lease: Lease) -> bool:
    return claim.execution_id == lease.execution_id and claim.task_id == wanted.task_id


def _may_run_beside(claim: Claim, wanted: Claim) -> bool:
    """Tell whether two claims of a group are of one execution and its sub-missions."""
    return wanted.kind is ClaimKind.GROUP and claim.tree == wanted.tree != ""


class _Owner(Enum):
    """Who drives the execution of a claim."""

    NONE = "none"
    DEAD = "dead"
    ALIVE = "alive"


def _owner(connection: sqlite3.Connection, claim: Claim, now: int) -> _Owner:
    stored = read_lease(connection, claim.execution_id)
    if stored is None or stored.owner is None:
        return _Owner.NONE
    return _Owner.ALIVE if is_live(stored.lease, now) else _Owner.DEAD
