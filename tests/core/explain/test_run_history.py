"""How flaky a mission is, and which lines of two logs differ."""

from core.explain.line_differences import line_differences
from core.explain.run_history import RunOutcome, changed_since, summary_of


def outcome(state: str, *, digest: str = "a", seconds: float = 1, **more: object) -> RunOutcome:
    return RunOutcome(
        reference="etl#1",
        execution_id="x",
        state=state,
        seconds=seconds,
        mission_digest=digest,
        **more,  # type: ignore[arg-type] # fields of an outcome
    )


def test_only_outcomes_that_change_for_no_reason_make_it_flaky() -> None:
    found = summary_of(
        [
            outcome("SUCCESS", attempts=2, seconds=4),
            outcome("FAILED"),
            outcome("CANCELLED"),
            outcome("SUCCESS", seconds=2),
            outcome("FAILED", digest="b"),
            outcome("FAILED", digest="b", params={"n": 1}),
        ]
    )
    assert (found.runs, found.succeeded, found.failed, found.retried) == (6, 2, 3, 1)
    assert (found.flips, found.comparable, found.flakiness) == (2, 2, 1.0)
    assert (found.median_seconds, found.longest_seconds) == (3, 4)
    nothing = summary_of([outcome("RUNNING")])
    assert (nothing.flakiness, nothing.median_seconds) == (None, None)


def test_what_a_run_was_given_otherwise_is_named() -> None:
    earlier = outcome("SUCCESS", params={"n": 1, "old": 2})
    assert changed_since(outcome("SUCCESS", digest="b", params={"n": 2}), earlier) == [
        "file",
        "n",
        "old",
    ]
    assert changed_since(earlier, earlier) == []


def test_lines_differ_by_words_and_count_not_by_numbers_and_ids() -> None:
    before = ["took 12 ms", "job 0193c0de-7000-7000-8000-000000000001", "bye", "bye", " "]
    after = ["took 3 ms", "job 0193c0de-7000-7000-8000-000000000002", "bye", "refused"]
    found = line_differences(before, after)
    assert (found.gone, found.new) == (("bye",), ("refused",))
    assert not line_differences(before, before)
