"""Bars by state: every state shows, nothing exceeds the width."""

from hypothesis import given
from hypothesis import strategies as st

from core.domain.states import TaskState
from tui.words.state_bar import state_bar


def test_one_failure_of_ten_thousand_has_a_cell_and_what_has_not_begun_is_thin() -> None:
    counts = {TaskState.SUCCESS: 9_000, TaskState.FAILED: 1, TaskState.PENDING: 999}
    assert state_bar(counts, 12) == [
        (TaskState.SUCCESS, "━" * 9),
        (TaskState.FAILED, "━"),
        (TaskState.PENDING, "──"),
    ]
    assert state_bar({}, 12) == []
    assert state_bar({TaskState.FAILED: 3}, 4, ascii_only=True) == [(TaskState.FAILED, "====")]


@given(st.dictionaries(st.sampled_from(TaskState), st.integers(0, 10**6)), st.integers(1, 30))
def test_a_bar_of_any_counts_has_its_width_and_each_state_once(
    counts: dict[TaskState, int], width: int
) -> None:
    bar = state_bar(counts, width)
    states = [state for state, _ in bar]
    present = {state for state, count in counts.items() if count}
    assert len(states) == len(set(states)) == min(width, len(present))
    assert set(states) <= present
    assert sum(len(cells) for _, cells in bar) == (width if present else 0)
