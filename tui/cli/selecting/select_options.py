"""The options that select executions: one set for `ls` and for what acts on many at once."""

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import click
from msgspec import Struct
from msgspec.structs import replace

from core.domain.states import ExecutionState
from core.errors import UsageError
from core.ports.execution_query import ExecutionQuery
from tui.cli.completion.completions import complete_mission
from tui.cli.completion.selector_completions import complete_label, complete_where
from tui.cli.following.given_labels import wanted_labels
from tui.cli.shared_options import instant_option
from tui.search.home_filter import parse_execution_filter

F = TypeVar("F", bound=Callable[..., Any])

_STATES = [state.value for state in ExecutionState]
_HINT = "`mission help where` lists the terms"


class Selectors(Struct, frozen=True, kw_only=True):
    """What the selecting options were given, as it was written."""

    name: str | None = None
    states: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    where: str | None = None
    since: str | None = None
    until: str | None = None

    @property
    def is_given(self) -> bool:
        """Whether any of them was."""
        return self != NOTHING

    def query(self, now: int, *, mission: str | None = None) -> ExecutionQuery:
        """Return the query of executions that fit all of them; spans of time end at `now`.

        `mission` stands for `--name`. Raises `UsageError` for what cannot be understood, or can
        never fit.
        """
        if mission is not None and self.name is not None:
            raise UsageError("MISSION and --name cannot be combined", hint="leave out one of them")
        found = parse_execution_filter(self.where or "", now)
        if found.problems:
            raise UsageError(f"--where: {'; '.join(found.problems)}", hint=_HINT)
        query = found.query
        states = frozenset(map(ExecutionState, self.states))
        if states and query.states and not states & query.states:
            raise UsageError("--state and the state: of --where have no state in common")
        start = _instant("--since", self.since, now)
        end = _instant("--until", self.until, now)
        starts = [one for one in (start, query.created_from) if one is not None]
        ends = [one for one in (end, query.created_until) if one is not None]
        return replace(
            query,
            mission_name=mission if mission is not None else self.name,
            states=states & query.states if states and query.states else states or query.states,
            labels=(*query.labels, *wanted_labels(self.labels)),
            created_from=max(starts, default=None),
            created_until=min(ends, default=None),
            include_children=False,
        )


NOTHING = Selectors()


def select_options(function: F) -> F:
    """Add the options that select executions, passed as `selectors`."""

    @functools.wraps(function)
    def collected(
        *args: Any,
        name: str | None,
        states: tuple[str, ...],
        labels: tuple[str, ...],
        where: str | None,
        since: str | None,
        until: str | None,
        **others: Any,
    ) -> Any:
        selectors = Selectors(
            name=name, states=states, labels=labels, where=where, since=since, until=until
        )
        return function(*args, selectors=selectors, **others)

    options = (
        click.option(
            "--name",
            metavar="MISSION",
            shell_complete=complete_mission,
            help="Only executions of the mission of exactly this name.",
        ),
        click.option(
            "--state",
            "states",
            multiple=True,
            type=click.Choice(_STATES, case_sensitive=False),
            help="Only executions in this state; may be repeated.",
        ),
        click.option(
            "-l",
            "--label",
            "labels",
            metavar="NAME[=VALUE]",
            multiple=True,
            shell_complete=complete_label,
            help="Only executions with this label; may be repeated.",
        ),
        click.option(
            "--where",
            metavar="TERMS",
            shell_complete=complete_where,
            help="Only executions that fit all terms, written as in the filter of the screen:"
            " 'state:failed who:ada !label:team=data'; `mission help where` lists the terms.",
        ),
        click.option(
            "--since",
            metavar="TIME",
            help="Only executions created since this time: 5m or 1h30m ago, or an RFC 3339"
            " timestamp.",
        ),
        click.option(
            "--until",
            metavar="TIME",
            help="Only executions created before this time.",
        ),
    )
    declared: Any = collected
    for option in reversed(options):
        declared = option(declared)
    return declared  # type: ignore[no-any-return] # the decorators of click return what they get


def _instant(option: str, given: str | None, now: int) -> int | None:
    return None if given is None else instant_option(option, given, now)
