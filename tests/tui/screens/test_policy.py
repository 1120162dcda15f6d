"""Policies on the screen: the launch form tells verdicts, and what is denied is told, not done."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from core.domain.mission import Param
from core.errors import PolicyFileError, PolicyViolationError
from core.operations.admission.planned_verdicts import PlanDecision, PlannedVerdict
from core.ports.control import RequestKind
from tests.support.policy_world import PolicyWorld
from tests.support.tui import (
    FakeBackend,
    FakeWorld,
    mission_of,
    running,
    screen_text,
    step,
    type_in,
    wait_for_text,
    wait_until,
)
from tui.host.places import find_paths
from tui.host.settings import Settings
from tui.host.site import LocalSite
from tui.host.site_backend import SiteBackend


def refusing(params: Mapping[str, Any]) -> Sequence[PlannedVerdict]:
    if params.get("tag") != "bad":
        return [PlannedVerdict(task_id="ship", decision=PlanDecision.ALLOW)]
    return [
        PlannedVerdict(
            task_id="ship", decision=PlanDecision.DENY, rule="no", message="the policy `no` forbids"
        )
    ]


async def test_the_launch_form_tells_the_verdict_for_the_values_that_it_shows() -> None:
    mission = mission_of(
        "release", step("build"), step("ship", "build"), params=(Param(name="tag"),)
    )
    backend = FakeBackend(FakeWorld(), mission)
    backend.planned = refusing
    async with running(backend, size=(140, 30)) as pilot:
        await wait_for_text(pilot, "release")
        await pilot.press("n")
        await wait_for_text(pilot, "tag", "ship")
        assert "refused" not in screen_text(pilot.app)
        await type_in(pilot, "bad")
        await wait_for_text(pilot, "refused", "the policy `no` forbids")
        await type_in(pilot, "ger")
        await wait_until(pilot, lambda: "refused" not in screen_text(pilot.app))


async def test_a_policy_that_cannot_be_used_is_told_in_the_launch_form() -> None:
    def unusable(_params: Mapping[str, Any]) -> Sequence[PlannedVerdict]:
        raise PolicyFileError("policy /etc/x.cedar:3: unexpected token")

    backend = FakeBackend(FakeWorld(), mission_of("release", step("build")))
    backend.planned = unusable
    async with running(backend, size=(140, 30)) as pilot:
        await wait_for_text(pilot, "release")
        await pilot.press("n")
        await wait_for_text(pilot, "cannot be launched: policy /etc/x.cedar:3")


def test_the_backend_of_the_screen_does_nothing_that_is_denied(tmp_path: Path) -> None:
    world = PolicyWorld(tmp_path)
    environ = {"MISSION_HOME": str(world.home), "PATH": "/usr/bin:/bin"}
    site = LocalSite(paths=find_paths(environ), environ=environ, system_folder=world.system)
    backend = SiteBackend(site, Settings(), tmp_path)
    file = str(world.file())
    world.forbid("launch")
    with pytest.raises(PolicyViolationError, match="the policy `no`"):
        backend.launch(file, {})
    [launch, touch] = backend.verdicts(file, {})
    assert (launch.task_id, launch.decision) == (None, PlanDecision.DENY)
    assert touch.decision is PlanDecision.ALLOW
    ask = {"id": "ask", "step_type": "approval", "parameters": {"prompt": "Go?"}}
    (world.home / "policy.d" / "x.cedar").unlink()
    execution_id = backend.launch(str(world.file(ask)), {})
    for action, kind in (("approve", RequestKind.APPROVE), ("cancel", RequestKind.CANCEL)):
        world.forbid(action)
        with pytest.raises(PolicyViolationError, match=f"{action} of `a mission` is denied"):
            backend.request(execution_id, kind, task_id="ask" if action == "approve" else None)
    world.forbid("retry")
    backend.request(execution_id, RequestKind.CANCEL)
    assert world("watch", execution_id).code == 5
    with pytest.raises(PolicyViolationError, match="retry of"):
        backend.retry(execution_id, "ask", downstream=False, reason="")
    assert not world.mark.exists()
