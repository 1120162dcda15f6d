"""The audit screen: it says no more than was verified, and leads to what is broken."""

import threading

import pytest

from core.audit.chain.chain import Head
from core.audit.chain.key_history import KeyState
from core.audit.verify.log_checked import LogChecked
from core.audit.verify.verdict import Finding, Report, Tier, Verdict
from core.audit.verify.verified_state import VerifiedState
from core.audit.verify.walk_state import ChainState
from tests.support.tui import (
    FakeBackend,
    FakeWorld,
    busy_world,
    nightly,
    running,
    screen_text,
    type_in,
    wait_for_text,
    wait_until,
)
from tui.live.backend import Progress
from tui.widgets.steps.chain_list import ChainList

KEY = "missiondeck/0193c0de+4a5b6c7d+AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAh"


def known(world: FakeWorld, *, chain: int, full: int) -> VerifiedState:
    head = Head(chain, bytes(32), world.clock.at, (bytes(32),))
    return VerifiedState(
        log_id="0193c0de",
        chain=ChainState(head=head, keys=KeyState(), executions=7, subs={}),
        at=world.clock.at - 2 * 10**9,
        version="0.1.0",
        full_size=full,
        full_at=world.clock.at - 120 * 10**9,
    )


def a_report(world: FakeWorld, *findings: Finding, is_full: bool = True) -> Report:
    return Report(
        verdict=findings[0].kind if findings else Verdict.INTACT,
        tiers=dict.fromkeys(Tier, not findings) | {Tier.ANCHORED: False},
        events=world.seq,
        head=f"{world.seq}:{'0' * 64}",
        findings=findings,
        finding_count=len(findings),
        key=None if findings else KEY,
        executions=7,
        is_full=is_full,
    )


def broken(world: FakeWorld) -> LogChecked:
    found = Finding(
        kind=Verdict.MODIFIED, field="hash", seq=17, expected="aa" * 32, found="bb" * 32,
        message="the hash of the event is not that of its body",
    )  # fmt: skip
    other = Finding(
        kind=Verdict.MODIFIED, field="exit_code", seq=23, expected="1", found="0",
        message="attempt 2 of `promote-7` says exit 0, the chain says 1",
    )  # fmt: skip
    return LogChecked(events=world.seq, report=a_report(world, found, other))


@pytest.mark.parametrize("size", [(40, 12), pytest.param((240, 60), marks=pytest.mark.slow)])
async def test_nothing_is_ticked_before_it_was_verified(size: tuple[int, int]) -> None:
    world, _run = busy_world()
    backend = FakeBackend(world, nightly())
    async with running(backend, size=size) as pilot:
        await wait_for_text(pilot, "nightly-etl")
        await pilot.press("A")
        await wait_for_text(pilot, "audit log", "not verified yet", f"{world.seq}")
        assert "✓" not in screen_text(pilot.app)
        assert "INTACT" not in screen_text(pilot.app)


async def test_a_verification_of_the_chain_alone_ticks_nothing() -> None:
    world, _run = busy_world()
    backend = FakeBackend(world, nightly())
    backend.judge = lambda full, _progress: LogChecked(
        events=world.seq,
        report=a_report(world, is_full=full),
        known=known(world, chain=world.seq, full=world.seq if full else 40),
    )
    async with running(backend) as pilot:
        await wait_for_text(pilot, "nightly-etl")
        await pilot.press("A")
        await wait_for_text(pilot, "not verified yet")
        await pilot.press("u")
        await wait_for_text(pilot, f"verified to event 40 of {world.seq}", "the chain alone")
        assert "✓" not in screen_text(pilot.app)
        await pilot.press("v")
        await wait_for_text(pilot, "✓ INTACT", "with all records", "2m ago", "no anchor verified")
        await pilot.press("escape")
        await wait_for_text(pilot, "nightly-etl", f"log verified to event {world.seq}, ")


async def test_a_verification_shows_its_progress_and_can_be_stopped() -> None:
    world, _run = busy_world()
    backend = FakeBackend(world, nightly())
    go_on = threading.Event()

    def judge(full: bool, progress: Progress | None) -> LogChecked:
        if not full:
            return LogChecked(events=world.seq)
        assert progress is not None
        for count in range(1000, 60_000, 1000):
            progress(count, 60_000)
            if count == 12_000:
                go_on.wait(10)
        raise AssertionError("it was not stopped")

    backend.judge = judge
    async with running(backend) as pilot:
        await wait_for_text(pilot, "nightly-etl")
        await pilot.press("A")
        await wait_for_text(pilot, "not verified yet")
        await pilot.press("v")
        await wait_for_text(pilot, "verifying: 12,000 of 60,000 events", "per second", "x stops it")
        await pilot.press("k", "k")  # the screen is alive
        await wait_for_text(pilot, f"event     {world.seq - 2}")
        await pilot.press("x")
        go_on.set()
        await wait_for_text(pilot, "of 60,000; nothing follows from it", "not verified yet")


async def test_a_broken_chain_is_a_banner_everywhere_and_a_finding_leads_to_its_record(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tui.app.LOG_CHECK_DELAY_SECONDS", 0.01)
    world, run = busy_world()
    backend = FakeBackend(world, nightly())
    backend.judge = lambda _full, _progress: broken(world)
    async with running(backend, size=(120, 40)) as pilot:
        await wait_for_text(pilot, "the audit log does not verify: MODIFIED at 17")
        pilot.app.open_execution(run)  # type: ignore[attr-defined]  # the application itself
        await wait_for_text(pilot, "promote-7", "the audit log does not verify")
        await pilot.press("enter")
        await wait_for_text(pilot, "Overview", "the audit log does not verify")
        await pilot.press("A")
        await wait_for_text(pilot, "audit log", "the audit log does not verify", "✗ MODIFIED at 17")
        await pilot.press("e")
        await wait_for_text(pilot, "expected hash", "found hash", "event     17", "17 ✗")
        row = next(line for line in screen_text(pilot.app).splitlines() if "aaaa" in line)
        assert "│ bbbb" in row
        await pilot.press("e")
        await wait_for_text(pilot, "expected exit_code", "23 ✗")
        await pilot.press("E")
        await wait_for_text(pilot, "expected hash")


async def test_the_chain_is_filtered_and_its_records_are_taken_along() -> None:
    world, run = busy_world()
    backend = FakeBackend(world, nightly())
    async with running(backend, size=(140, 40)) as pilot:
        await wait_for_text(pilot, "nightly-etl")
        await pilot.press("A")
        await wait_for_text(pilot, f"{world.seq} events")
        await pilot.press("/")
        await type_in(pilot, "colour:red")
        await wait_for_text(pilot, "colour: is not known here")
        await pilot.press("escape", "/")
        await type_in(pilot, "type:attempt.ended step:promote-7")
        await wait_for_text(pilot, f"9 of {world.seq} events match")
        await pilot.press("enter")
        await wait_for_text(pilot, "step/promote-7")
        await pilot.press("S")
        await wait_until(pilot, lambda: ("export", run) in backend.calls)
        await wait_for_text(pilot, "nightly-etl-1.zip")
        chain = pilot.app.screen.query_one(ChainList)
        before = chain.event
        chain.read_anew()
        assert before is not None
        assert chain.event is before, "it can be acted on while it is read anew"
        await pilot.press("escape")
        await wait_for_text(pilot, f"{world.seq} events")
        await pilot.press("escape")
        await wait_until(pilot, lambda: "audit log" not in screen_text(pilot.app).splitlines()[0])
