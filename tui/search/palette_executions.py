"""The executions that the command palette offers: the newest, and those that match the input."""

from collections.abc import Sequence

from core.domain.records import Execution
from core.domain.state_word import state_word
from core.ports.execution_query import ExecutionQuery
from core.ports.reader import Reader
from tui.words.numbers import when
from tui.words.run_label import full_argument
from tui.words.safe_text import clean_line

MAX_EXECUTIONS = 200


def read_palette_executions(reader: Reader, words: tuple[str, ...]) -> Sequence[Execution]:
    """Return the newest executions and those that contain the words, without duplicates."""
    newest = reader.executions(ExecutionQuery(limit=MAX_EXECUTIONS))
    fitting = reader.executions(
        ExecutionQuery(words=words, include_children=True, limit=MAX_EXECUTIONS)
    )
    return list({one.execution_id: one for one in (*newest, *fitting)}.values())


def run_title(execution: Execution, now: int) -> str:
    """Return the reference of an execution, its state and its age."""
    word = state_word(execution.state, execution.reason_code)
    return f"{clean_line(full_argument(execution))}  {word}, {when(execution, now)}"
