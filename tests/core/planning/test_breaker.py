"""The circuit breaker: which readings open it, and how it closes again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.breaker_policy import BreakerPolicy
from core.domain.breaker_state import BreakerState
from core.planning.breaker import Breaker, BreakerChange
from core.ports.pressure import DiskSpace, Readings

MB = 1024 * 1024
CLOSED, OPEN, HALF_OPEN = BreakerState.CLOSED, BreakerState.OPEN, BreakerState.HALF_OPEN
HEALTHY = Readings(
    disks=(DiskSpace("/data", 64 * MB), DiskSpace("/work", 1 << 40)),
    free_memory_bytes=32 * MB,
    free_open_files=16,
    free_processes=16,
    loop_lag_seconds=5.0,
    database_busy_seconds=10.0,
)
FULL = Readings(disks=(DiskSpace("/data", 12 * MB),))
POLICY = BreakerPolicy()


def admits(breaker: Breaker) -> bool:
    """Ask anew: a type checker takes a property that was just looked at for unchanged."""
    return breaker.admits


def test_what_the_policy_asks_for_is_enough() -> None:
    breaker = Breaker(POLICY)

    assert breaker.observe(HEALTHY, 0.0) is None
    assert admits(breaker)


@pytest.mark.parametrize(
    ("readings", "message"),
    [
        (FULL, "free disk 12 MB of 64 MB needed on /data"),
        (Readings(free_memory_bytes=3 * MB), "free memory 3 MB of 32 MB needed"),
        (Readings(free_open_files=2), "free file descriptors 2 of 16 needed"),
        (Readings(free_processes=-1), "free processes 0 of 16 needed"),
        (Readings(loop_lag_seconds=7.25), "event loop late by 7.2 s of 5 s allowed"),
        (Readings(database_busy_seconds=12), "database busy for 12.0 s of 10 s allowed"),
        (
            Readings(disks=(DiskSpace("/a", 0), DiskSpace("/b", MB)), free_open_files=1),
            (
                "free disk 0 MB of 64 MB needed on /a; free disk 1 MB of 64 MB needed on /b;"
                " free file descriptors 1 of 16 needed"
            ),
        ),
    ],
)
def test_a_shortage_opens_it_and_is_named(readings: Readings, message: str) -> None:
    breaker = Breaker(POLICY)

    assert breaker.observe(readings, 0.0) == BreakerChange(OPEN, message)
    assert not admits(breaker)
    assert breaker.message == message


def test_what_cannot_be_measured_is_no_shortage() -> None:
    assert Breaker(POLICY).observe(Readings(), 0.0) is None


def test_a_check_is_turned_off_by_zero() -> None:
    off = BreakerPolicy(
        free_disk_mb=0,
        free_memory_mb=0,
        free_open_files=0,
        free_processes=0,
        loop_lag_seconds=0,
        database_busy_seconds=0,
    )
    worst = Readings(
        disks=(DiskSpace("/data", 0),),
        free_memory_bytes=0,
        free_open_files=0,
        free_processes=0,
        loop_lag_seconds=1e6,
        database_busy_seconds=1e6,
    )

    assert Breaker(off).observe(worst, 0.0) is None


def test_a_lasting_shortage_is_one_change_and_its_number_stays_true() -> None:
    breaker = Breaker(POLICY)
    breaker.observe(FULL, 0.0)

    assert breaker.observe(Readings(disks=(DiskSpace("/data", 3 * MB),)), 1.0) is None
    assert breaker.message == "free disk 3 MB of 64 MB needed on /data"


def test_another_shortage_is_another_change() -> None:
    breaker = Breaker(POLICY)
    breaker.observe(FULL, 0.0)

    change = breaker.observe(Readings(free_open_files=0), 1.0)

    assert change == BreakerChange(OPEN, "free file descriptors 0 of 16 needed")


def test_it_lets_one_attempt_through_and_closes_when_that_has_ended() -> None:
    breaker = Breaker(POLICY)
    breaker.observe(FULL, 0.0)
    assert breaker.observe(HEALTHY, 4.9) is None
    assert not admits(breaker)

    change = breaker.observe(HEALTHY, 5.0)

    assert change == BreakerChange(
        HALF_OPEN, "the shortage is over (it was: free disk 12 MB of 64 MB needed on /data)"
    )
    assert admits(breaker)
    breaker.attempt_started("a", 5.0)
    assert not admits(breaker)
    assert breaker.observe(HEALTHY, 6.0) is None
    breaker.attempt_ended("somebody else")
    assert breaker.observe(HEALTHY, 7.0) is None
    breaker.attempt_ended("a")
    assert breaker.observe(HEALTHY, 8.0) == BreakerChange(CLOSED, "attempts start again")
    assert admits(breaker)
    assert breaker.message == ""


def test_a_long_attempt_does_not_hold_up_the_others() -> None:
    breaker = Breaker(POLICY)
    breaker.observe(FULL, 0.0)
    breaker.observe(HEALTHY, 5.0)
    breaker.attempt_started("a", 6.0)

    assert breaker.observe(HEALTHY, 10.9) is None
    assert breaker.observe(HEALTHY, 11.0) == BreakerChange(CLOSED, "attempts start again")


def test_a_shortage_during_the_probe_opens_it_again() -> None:
    breaker = Breaker(POLICY)
    breaker.observe(FULL, 0.0)
    breaker.observe(HEALTHY, 5.0)
    breaker.attempt_started("a", 5.0)

    change = breaker.observe(FULL, 6.0)

    assert change is not None
    assert change.state is OPEN
    assert breaker.observe(HEALTHY, 10.0) is None
    assert breaker.observe(HEALTHY, 11.0) is not None
    assert admits(breaker)


def test_without_a_probe_it_stays_half_open() -> None:
    breaker = Breaker(POLICY)
    breaker.observe(FULL, 0.0)
    breaker.observe(HEALTHY, 5.0)

    assert breaker.observe(HEALTHY, 500.0) is None
    assert admits(breaker)


MOVES = st.lists(
    st.tuples(st.sampled_from(["full", "healthy", "start", "end"]), st.floats(0, 20)), max_size=60
)


@given(MOVES)
def test_whatever_happens_nothing_starts_while_it_is_short(
    moves: list[tuple[str, float]],
) -> None:
    breaker = Breaker(POLICY)
    at = 0.0
    is_short = False
    let_through = 0
    for move, seconds in moves:
        at += seconds
        if move == "start" and breaker.admits:
            assert not is_short
            breaker.attempt_started("x", at)
            let_through += 1
            assert breaker.state is CLOSED or let_through == 1
        elif move == "end":
            breaker.attempt_ended("x")
        elif move in ("full", "healthy"):
            is_short = move == "full"
            change = breaker.observe(FULL if is_short else HEALTHY, at)
            assert breaker.state is OPEN or not is_short
            if change is not None:
                assert change.state is breaker.state
                let_through = 0
