"""A mission file validated from the screen: its first error in the banner, or that it is valid."""

from textual.pilot import Pilot

from tests.support.tui import (
    FakeBackend,
    FakeWorld,
    mission_of,
    running,
    screen_text,
    step,
    wait_for_text,
    wait_until,
)
from tui.app import MissionDeckApp
from tui.live.backend import Finding, MissionFile


def validate(pilot: Pilot[None], path: str) -> None:
    assert isinstance(pilot.app, MissionDeckApp)
    pilot.app.validate(path)


async def test_what_was_found_is_told_and_taken_back() -> None:
    backend = FakeBackend(FakeWorld(), mission_of("good", step("a")))
    findings = tuple(
        Finding(severity=severity, code="CODE", message=message, line=line)
        for severity, message, line in (
            ("warning", "odd", 1),
            ("error", "`b` is no step", 7),
            ("error", "twice", 9),
        )
    )
    backend.files += [
        MissionFile(path="bad.yaml", name="bad", steps=2, valid=False, findings=findings),
        MissionFile(path="odd.yaml", name="odd", steps=2, valid=True, findings=findings[:1]),
    ]
    async with running(backend) as pilot:
        await wait_for_text(pilot, "bad")
        validate(pilot, "bad.yaml")
        await wait_for_text(pilot, "2 errors; line 7: `b` is no step")
        validate(pilot, "/missions/good.yaml")
        await wait_until(pilot, lambda: "2 errors" not in screen_text(pilot.app))
        validate(pilot, "odd.yaml")
        await wait_for_text(pilot, "valid, 1 warning")
        validate(pilot, "gone.yaml")
        await wait_for_text(pilot, "no mission file gone.yaml")
