"""The executions that the palette offers: the newest, and those that what is typed finds."""

from collections.abc import Sequence

from core.domain.records import Execution
from core.ports.execution_query import ExecutionQuery
from core.ports.reader import Reader
from tui.words.numbers import when
from tui.words.run_label import full_argument
from tui.words.safe_text import clean_line
from tui.words.state_glyphs import appearance_of

MAX_EXECUTIONS = 200


def read_offered(reader: Reader, words: tuple[str, ...]) -> Sequence[Execution]:
    """Return the newest executions and those with these words in them, none twice."""
    newest = reader.executions(ExecutionQuery(limit=MAX_EXECUTIONS))
    fitting = reader.executions(
        ExecutionQuery(words=words, include_children=True, limit=MAX_EXECUTIONS)
    )
    return list({one.execution_id: one for one in (*newest, *fitting)}.values())


def run_title(execution: Execution, now: int) -> str:
    """Return how an execution is referred to, and how it is."""
    word = appearance_of(execution.state).word
    return f"{clean_line(full_argument(execution))}  {word}, {when(execution, now)}"
