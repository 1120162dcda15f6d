"""Clocks that are set while a mission runs: durations stay true, and the step is an event."""

import time

import pytest

from core.domain.events import AttemptEnded, Noted
from core.domain.fold import fold
from core.domain.reasons import Reason
from core.domain.records import measured_ms
from core.domain.states import TaskState
from core.machine.system_clock import ClockWatch, SystemClock
from tests.support.fake_executor import Act
from tests.support.rig import Rig, a_command
from tests.support.simulation import a_plan, a_step

HOUR = 3600 * 1_000_000_000


class Hands:
    """What stands in for the system's clocks: a wall clock that is set, and a steady one."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.wall = 1_700_000_000_000_000_000
        self.steady = 5_000_000_000
        monkeypatch.setattr(time, "time_ns", lambda: self.wall)
        monkeypatch.setattr(time, "monotonic_ns", lambda: self.steady)
        monkeypatch.setattr(time, "clock_gettime_ns", lambda _clock: self.steady)

    def pass_by(self, seconds: float) -> None:
        self.wall += int(seconds * 1e9)
        self.steady += int(seconds * 1e9)


@pytest.fixture
def hands(monkeypatch: pytest.MonkeyPatch) -> Hands:
    return Hands(monkeypatch)


def test_a_clock_that_is_set_back_goes_on_at_its_own_pace(hands: Hands) -> None:
    clock = SystemClock()
    first = clock.now()
    hands.pass_by(1)
    hands.wall -= HOUR
    second = clock.now()
    assert second - first == 1_000_000_000
    assert clock.now() == second + 1
    hands.pass_by(3)
    assert clock.now() - second == 3_000_000_001


def test_a_step_of_the_wall_clock_is_told_once_and_slewing_is_none(hands: Hands) -> None:
    watch = ClockWatch()
    hands.pass_by(100)
    assert watch.step_ns() == 0
    hands.wall -= HOUR
    assert watch.step_ns() == -HOUR
    assert watch.step_ns() == 0
    for _ in range(100):
        hands.pass_by(10)
        hands.wall += 5_000_000  # 500 ppm, the most that a clock is slewed
        assert watch.step_ns() == 0
    hands.wall += HOUR
    assert watch.step_ns() == HOUR


def test_durations_are_measured_though_the_wall_clock_is_set_meanwhile() -> None:
    rig = Rig(
        a_plan(
            a_command("a"),
            a_step("each", "a", step_type="command", foreach=[1],
                   parameters={"command": "act", "args": ["x"]}),
        ),
        {"a": Act(seconds=4), "each[0]": Act(seconds=3)},
    )  # fmt: skip
    rig.run((2.0, lambda r: r.clock.set_forward(3600.0)))
    found = {task_id: task.duration_ms for task_id, task in rig.snapshot.tasks.items()}
    assert found == {"a": 4000.0, "each": 3000.0, "each[0]": 3000.0}
    assert rig.snapshot.tasks["a"].worked_ms == 4000.0
    assert rig.snapshot.attempts["a"][0].duration_ms == 4000.0
    assert rig.snapshot.current.duration_ms == 7000.0
    assert rig.result().total_duration_ms == 7000.0
    assert rig.result().step_results["a"].duration_ms == 4000.0
    assert fold(rig.seen).tasks["a"].duration_us == 4_000_000


def test_what_two_runners_saw_is_not_measured_and_never_negative() -> None:
    rig = Rig(a_plan(a_command("a")), {"a": Act(seconds=4)})
    rig.run_twice(2, 1, first=lambda r: r.clock.set_back(3600.0))
    lost, again = rig.snapshot.attempts["a"]
    assert lost.duration_us is None
    assert again.duration_ms == 4000.0
    task = rig.snapshot.tasks["a"]
    assert (task.state, task.duration_us, task.duration_ms) == (TaskState.SUCCESS, None, 0.0)
    assert measured_ms(None, 10, None) is None


def test_a_step_of_the_clock_is_an_event_of_the_audit(hands: Hands) -> None:
    rig = Rig(a_plan(a_command("a"), a_command("b", "a")), {"a": Act(seconds=4)})
    rig.clock_watch = ClockWatch()

    def set_back(_: Rig) -> None:
        hands.wall -= HOUR

    assert rig.run((2.0, set_back)).reason is Reason.ALL_STEPS_DONE
    (event,) = [e for e in rig.seen if isinstance(e, Noted) and e.kind == "clock.stepped"]
    assert event.details() == {"by_ms": -3_600_000}
    ends = [e for e in rig.seen if isinstance(e, AttemptEnded)]
    assert [e.duration_us is not None for e in ends] == [True, True]
