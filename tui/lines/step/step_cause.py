"""The state of a step, and the chain of causes behind it."""

from core.domain.records import TaskRun
from core.domain.state_word import state_word
from core.explain.execution_facts import ExecutionFacts
from core.explain.why import explain
from tui.live.board import Board
from tui.live.execution_queries import StepRecords
from tui.look.styled_text import Line
from tui.words.cause import UNREMARKABLE
from tui.words.safe_text import clean_line
from tui.words.state_glyphs import appearance_of


def state_line(task: TaskRun) -> Line:
    """Return state and reason code of a task run, without a code that tells nothing."""
    code = "" if task.reason_code in UNREMARKABLE else f"  {task.reason_code.value}"
    word = state_word(task.state, task.reason_code)
    state = (f"{appearance_of(task.state).sign} {word}", f"state:{task.state.value}")
    return [state, (code, "faint")] if code else [state]


def execution_facts(board: Board, records: StepRecords, now: int) -> ExecutionFacts:
    """Return the records that the state of a step is explained from."""
    task = records.task
    return ExecutionFacts(
        execution=board.execution,
        tasks={**board.tasks, task.task_id: task},
        now=now,
        mission=board.mission,
        attempts={task.task_id: records.attempts},
        is_owned=not board.is_orphaned(now),
    )


def why_lines(board: Board, records: StepRecords, now: int) -> list[Line]:
    """Return the chain of causes behind a step's state."""
    causes = explain(records.task.task_id, execution_facts(board, records, now))
    return [
        [("  " * min(depth, 6) + ("└ " if depth else ""), "faint"), (clean_line(cause), "text")]
        for depth, cause in enumerate(causes)
    ]
