"""A success that is cancelled while the files that it made are read."""

import asyncio
from typing import Any

import pytest

from core.domain.states import TaskState
from core.engine.up_to_date.step_check import CUT_SHORT, Made, StepCheck
from core.ports.control import RequestKind
from tests.support.rig import Rig, a_command
from tests.support.simulation import a_plan


def test_it_stays_a_success_and_says_why_it_is_not_recorded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    taken: list[Made] = []

    async def never(*_args: Any) -> Made:
        await asyncio.Event().wait()
        raise AssertionError

    def succeeded(_self: StepCheck, _task: Any, _attempt: int, made: Made) -> tuple[None, str]:
        taken.append(made)
        return None, made.problem

    monkeypatch.setattr(StepCheck, "made", never)
    monkeypatch.setattr(StepCheck, "succeeded", succeeded)
    rig = Rig(a_plan(a_command("a", outputs=("out",))))

    rig.run((3.0, lambda rig: rig.ask(RequestKind.CANCEL)))

    assert taken == [CUT_SHORT]
    assert rig.state("a") is TaskState.SUCCESS
