"""What the row of an execution at home tells of it."""

from core.domain.reasons import Reason
from core.domain.records import Execution
from core.domain.states import ExecutionState
from tui.lines.home_row import told
from tui.look.styled_text import Line
from tui.search.home_page import HomeRow


def an_ended(state: ExecutionState, reason: Reason, message: str | None) -> HomeRow:
    execution = Execution(
        execution_id="x",
        workflow_id="w",
        mission_name="m",
        mission_digest="d",
        state=state,
        reason_code=reason,
        message=message,
        created_at=0,
        updated_at=0,
        actor="a@b",
        counts={"SKIPPED": 2},
    )
    return HomeRow(execution=execution)


def text_of(line: Line) -> str:
    return "".join(text for text, _ in line)


def test_a_success_that_ended_early_says_why_beside_its_counts() -> None:
    row = an_ended(ExecutionState.SUCCESS, Reason.PRECONDITION_UNMET, "`x` is false")
    assert text_of(told(row, "me", 0)) == "2⊘  `x` is false"
    row = an_ended(ExecutionState.SUCCESS, Reason.ALL_STEPS_DONE, None)
    assert text_of(told(row, "me", 0)) == "2⊘ "
    row = an_ended(ExecutionState.FAILED, Reason.STEP_FAILED, "`a`: exit 1")
    assert text_of(told(row, "me", 0)) == "`a`: exit 1  STEP_FAILED"
