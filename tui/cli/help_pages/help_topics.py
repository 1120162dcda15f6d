"""The pages of `mission help` on what several commands share."""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from tui.cli.exit_code import EXIT_CODES
from tui.cli.help_pages.docs_pages import PREFIX, TOOLS, list_lines, page_lines, porting_lines

_EXECUTIONS = (
    ("NAME#7", "run 7 of the mission NAME"),
    ("NAME", "the newest run of the mission"),
    ("0193c0de", "an id, or a prefix of it that is unique"),
    ("@last", "the newest run that is not a sub-mission, preferably of this folder's missions"),
    ("@last-failed", "the newest such run that failed"),
)


def topic_lines(name: str) -> list[str] | None:
    """Return the page of a topic, None if there is none of that name.

    Raises `NotFoundError` for one that needs the documentation when that is not installed.
    """
    if name in TOOLS:
        return list(porting_lines(name))
    if name.startswith(PREFIX):
        return page_lines(name)
    found = TOPICS.get(name)
    return None if found is None else list(found[1]())


def _exit_codes() -> Iterator[str]:
    yield "Exit codes of all commands"
    yield ""
    yield from _rows([(str(code), sentence) for code, (_, sentence) in EXIT_CODES.items()])


def _executions() -> Iterator[str]:
    yield "How a command names an execution (EXEC)"
    yield ""
    yield from _rows(_EXECUTIONS)


def _where() -> Iterator[str]:
    from tui.search.home_filter import EXECUTION_SYNTAX

    yield "Terms of --where, and of the filter of the screen; all must fit"
    yield ""
    yield from _rows(EXECUTION_SYNTAX)


def _rows(rows: "list[tuple[str, str]] | tuple[tuple[str, str], ...]") -> Iterator[str]:
    width = max(len(word) for word, _ in rows)
    return (f"  {word.ljust(width)}  {told}" for word, told in rows)


TOPICS: Mapping[str, tuple[str, Callable[[], Iterator[str]]]] = MappingProxyType(
    {
        "coming-from": (
            "What stands here for make, actions, airflow, dagu and compose, each a topic.",
            porting_lines,
        ),
        "docs": ("The pages of the documentation, each a topic.", list_lines),
        "executions": ("How a command names an execution.", _executions),
        "exit-codes": ("What each exit code means.", _exit_codes),
        "where": ("The terms that select executions.", _where),
    }
)
"""The topics: what each is about, and its lines."""
