import pytest
from rich.cells import cell_len

from core.domain.reasons import Reason
from core.domain.state_word import state_word
from core.domain.states import AttemptState, ExecutionState, State, TaskState
from core.domain.tally import ORDER
from tui.words.state_glyphs import APPEARANCES, SEVERITY, appearance_of, is_utf8_terminal, sign

ENTITIES = (ExecutionState, TaskState, AttemptState)


@pytest.mark.parametrize("entity", ENTITIES)
def test_every_state_of_an_entity_has_its_own_sign_and_word(entity: type[State]) -> None:
    looks = [appearance_of(state) for state in entity]
    assert len({found.sign for found in looks}) == len(looks)
    assert len({found.ascii for found in looks}) == len(looks)
    assert len({found.word for found in looks}) == len(looks)


def test_signs_are_one_cell_wide_and_have_an_ascii_twin() -> None:
    for found in APPEARANCES.values():
        assert cell_len(found.sign) == 1
        assert len(found.ascii) == 1
        assert found.ascii.isascii()


def test_every_task_state_is_counted_and_ranked_and_failure_is_the_worst() -> None:
    names = {state.value for state in TaskState}
    assert {state.value for state in ORDER} == names
    assert names <= set(SEVERITY)
    assert max(names, key=lambda name: SEVERITY[name]) == "FAILED"
    assert min(names, key=lambda name: SEVERITY[name]) == "SUCCESS"


def test_a_waiting_step_says_what_it_waits_for() -> None:
    assert state_word(TaskState.WAITING) == "waiting"
    assert state_word(TaskState.WAITING, Reason.BACKOFF) == "retrying"
    assert state_word(TaskState.WAITING, Reason.AWAITING_APPROVAL) == "needs approval"
    assert state_word(TaskState.RUNNING, Reason.BACKOFF) == "running"


def test_signs_follow_what_the_terminal_can_show(monkeypatch: pytest.MonkeyPatch) -> None:
    assert sign(TaskState.FAILED) == "✗"
    assert sign(TaskState.FAILED, ascii_only=True) == "x"
    monkeypatch.setenv("MISSION_ASCII", "1")
    assert not is_utf8_terminal()
