"""Completion candidates of the options that select, sort and show executions."""

from collections.abc import Iterator

import click
from click.shell_completion import CompletionItem

from core.domain.state_word import WORDS
from core.domain.states import Coverage, ExecutionState
from core.ports.execution_query import ExecutionQuery, LabelCondition
from core.ports.reader import Reader
from tui.cli.completion.completions import OPEN, complete_mission, from_records

MAX_EXECUTIONS_READ = 200
"""How many of the newest executions are read for their labels."""
_TERMS = {
    "state:": "in one of these states",
    "name:": "with this in the mission's name",
    "since:": "created since this time",
    "who:": "started by this user",
    "param:": "with this in the value of a parameter",
    "label:": "with this label",
    "is:": "subset or full",
    "dur>": "took longer",
    "dur<": "took less",
}
_VALUES = {
    "state:": (*(WORDS[state.value] for state in ExecutionState), "queued"),
    "is:": tuple(coverage.value for coverage in Coverage),
}


def complete_label(
    ctx: click.Context, _param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer the names of labels that executions have; after `NAME=` the values of that one."""
    return from_records(ctx, lambda reader: _labels(reader, incomplete), incomplete)


def complete_where(
    ctx: click.Context, _param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer the terms of a filter, and the values of the last term as far as they are known."""
    before, space, last = incomplete.rpartition(" ")
    sign = last[:1] if last[:1] in ("!", "-") else ""
    term, colon, value = last[len(sign) :].partition(":")
    head = f"{before}{space}{sign}"
    if not colon:
        return [
            CompletionItem(f"{head}{one}", type=OPEN, help=told)
            for one, told in _TERMS.items()
            if one.startswith(term)
        ]
    head = f"{head}{term}:"
    if term == "label":
        offered = from_records(ctx, lambda reader: _labels(reader, value), value)
    elif term in ("name", "mission"):
        offered = complete_mission(ctx, _param, value)
    else:
        words = _VALUES.get(f"{term}:", ())
        offered = [CompletionItem(word) for word in words if word.startswith(value)]
    return [CompletionItem(f"{head}{one.value}", type=one.type, help=one.help) for one in offered]


def complete_fields(
    _ctx: click.Context, _param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer the fields that do not stand in the list yet."""
    from tui.cli.selecting.list_fields import FIELDS, SHORT_NAMES

    before, comma, last = incomplete.rpartition(",")
    taken = before.split(",")
    return [
        CompletionItem(f"{before}{comma}{name}", help=SHORT_NAMES.get(name))
        for name in (*SHORT_NAMES, *FIELDS)
        if name.startswith(last) and name not in taken
    ]


def complete_sort(
    _ctx: click.Context, _param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer the fields a list can be sorted by, each also from the end."""
    from tui.cli.selecting.list_fields import SORTS

    offered = [f"{name}{direction}" for name in SORTS for direction in ("", ":desc")]
    return [CompletionItem(one) for one in offered if one.startswith(incomplete)]


def _labels(reader: Reader, incomplete: str) -> Iterator[CompletionItem]:
    """Yield the names of labels; after `NAME=` that label with its values."""
    name, equals, _ = incomplete.partition("=")
    wanted = (LabelCondition(name),) if equals else ()
    newest = reader.executions(
        ExecutionQuery(limit=MAX_EXECUTIONS_READ, include_children=True, labels=wanted)
    )
    labels = [one.labels for one in newest if one.labels]
    if equals:
        for value in sorted({one[name] for one in labels if name in one}):
            yield CompletionItem(f"{name}={value}")
    else:
        for key in sorted({key for one in labels for key in one}):
            yield CompletionItem(f"{key}=", type=OPEN)
