"""A mission whose limits cannot be enforced is refused before there is an execution."""

import pytest

from core.domain.process_policy import ProcessLimits
from core.errors import UnavailableError
from core.launch.limit_check import refuse_limits
from tests.support.missions import a_mission, a_step

NEEDS_A_CGROUP = ProcessLimits(processes=4)


def test_limits_that_can_be_enforced_are_no_obstacle() -> None:
    limits = ProcessLimits(cpu_seconds=5, open_files=64, file_mb=5, nice=3)

    refuse_limits(a_mission(steps=(a_step("a", step_type="command", limits=limits),)))


def test_a_limit_that_cannot_be_enforced_is_refused_with_its_step() -> None:
    steps = (a_step("a"), a_step("b", step_type="command", limits=NEEDS_A_CGROUP))

    with pytest.raises(UnavailableError, match=r"step `b`.*`processes` needs a delegated cgroup"):
        refuse_limits(a_mission(steps=steps))


def test_a_default_concerns_the_steps_that_run_a_process() -> None:
    plain, script = a_step("a"), a_step("b", step_type="script")

    refuse_limits(a_mission(steps=(plain,), limits=NEEDS_A_CGROUP))
    with pytest.raises(UnavailableError, match="step `b`"):
        refuse_limits(a_mission(steps=(plain, script), limits=NEEDS_A_CGROUP))
