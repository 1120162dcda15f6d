"""Queries for executions: filter, order and page, evaluated by the database."""

from enum import StrEnum

from msgspec import Struct

from core.domain.states import Coverage, ExecutionState


class ExecutionOrder(StrEnum):
    """What a list of executions is sorted by; newer ones come first among equals."""

    NEWEST = "newest"
    MISSION = "mission"
    """By mission name, ignoring case."""
    STATE = "state"
    """What needs attention first: running, paused, pending, failed, cancelled, success."""
    DURATION = "duration"
    """The longest first; what has not started comes last."""


class ExecutionField(StrEnum):
    """A text of an execution that a condition may be about."""

    MISSION = "mission"
    ACTOR = "actor"
    REASON = "reason"
    """Its reason code."""
    PARAM = "param"
    """Its parameters: `NAME=PART` is about the value of one, anything else about all of them."""


class FieldCondition(Struct, frozen=True):
    """Whether `part` occurs in a text, in either case; with `wanted` False, that it does not."""

    field: ExecutionField
    part: str
    wanted: bool = True


class LabelCondition(Struct, frozen=True):
    """Whether an execution has a label of this name and value, in exactly this case.

    None stands for any value; with `wanted` False, that it has none like it.
    """

    name: str
    value: str | None = None
    wanted: bool = True


class ExecutionQuery(Struct, frozen=True, kw_only=True):
    """A filter, an order and a page. All conditions must hold; texts match in either case.

    Executions that a step of another one runs (sub-missions) are left out unless `parent` names
    that other one, or `include_children` is set.
    """

    mission_name: str | None = None
    """Only of this mission, by its exact name."""
    states: frozenset[ExecutionState] = frozenset()
    """Only in one of these; empty does not restrict."""
    coverage: Coverage | None = None
    parent: str | None = None
    """Only the sub-missions of this execution (its id)."""
    include_children: bool = False
    words: tuple[str, ...] = ()
    """Each must occur in the mission's name, the reference, id, actor, state or reason code."""
    without: tuple[str, ...] = ()
    """None of these may occur there."""
    fields: tuple[FieldCondition, ...] = ()
    """Each must hold."""
    labels: tuple[LabelCondition, ...] = ()
    """Each must hold."""
    ids: frozenset[str] | None = None
    """Only these, by their full ids."""
    is_unattended: bool = False
    """Only those that no other execution retries or runs again."""
    created_from: int | None = None
    """Created at this instant or later."""
    created_until: int | None = None
    """Created before this instant."""
    longer_than: int | None = None
    """Took longer than so many nanoseconds; what still runs is measured until `now`."""
    shorter_than: int | None = None
    now: int = 0
    order: ExecutionOrder = ExecutionOrder.NEWEST
    reverse: bool = False
    limit: int = 100
    offset: int = 0


NEWEST = ExecutionQuery()
