"""The chain against the tables: events are rebuilt, folded, and every difference is named."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from msgspec.structs import replace

from core.audit.format import canonical
from core.audit.format.body import columns_of
from core.audit.verify.rebuild import DigestOnly, RebuildError, event_of
from core.audit.verify.verdict import Finding, Tier, Verdict
from core.audit.verify.verify import VerifyOptions, verify
from core.domain.events import (
    AttemptEnded,
    AttemptStarted,
    Event,
    StepExpanded,
    TaskStateChanged,
    event_type,
    json_digest,
)
from core.domain.fold import fold
from core.domain.reasons import Reason
from core.domain.records import TaskError
from core.domain.states import AttemptState, TaskState
from tests.support.memory_chain import EXECUTION_ID, START, MemoryLog, a_log, a_run, sealed_log

STEPS = ("fetch", "build", "each", "ship")


def task(log: MemoryLog, task_id: str) -> dict[str, Any]:
    return next(row for row in log.task_rows[EXECUTION_ID] if row["task_id"] == task_id)


def attempt(log: MemoryLog, task_id: str, number: int) -> dict[str, Any]:
    rows = log.attempt_rows[EXECUTION_ID]
    return next(row for row in rows if (row["task_id"], row["attempt"]) == (task_id, number))


def findings(log: MemoryLog) -> tuple[Finding, ...]:
    report = verify(log)
    assert report.verdict is Verdict.MODIFIED
    assert report.tiers[Tier.CHAIN] is report.tiers[Tier.SIGNED] is True
    return report.findings


def rebuilt(log: MemoryLog) -> Iterator[Event]:
    for row in log.event_rows:
        body = canonical.decode(row[10])
        if body["execution_id"] is not None:
            yield event_of(
                body["type"],
                body["details"],
                ts=row[2],
                actor=body["actor"],
                execution_id=body["execution_id"],
                task_id=columns_of(body["target"])[0],
                step_ids=lambda: STEPS,
            )


def test_rebuilt_events_fold_to_the_states_times_and_counts_of_the_original_ones() -> None:
    original = fold([event for events, _ in a_run() for event in events])
    found = fold(rebuilt(a_log()))
    assert list(found.tasks) == list(original.tasks)
    assert found.counts == original.counts
    for name in ("state", "reason_code", "started_at", "ended_at", "log_entry_count", "actor"):
        assert getattr(found.execution, name) == getattr(original.execution, name)
    for task_id, run in original.tasks.items():
        for name in ("state", "reason_code", "attempt", "ready_at", "started_at", "ended_at"):
            assert getattr(found.tasks[task_id], name) == getattr(run, name)
    for task_id, tries in original.attempts.items():
        for one, other in zip(tries, found.attempts[task_id], strict=True):
            for name in ("state", "exit_code", "started_at", "ended_at", "log_digest"):
                assert getattr(other, name) == getattr(one, name)
            assert one.inputs is not None
            recorded: object = other.inputs  # the chain keeps no data, only its digest
            assert recorded == DigestOnly(json_digest(one.inputs))


def test_true_instants_survive_where_the_chain_had_to_write_later_ones() -> None:
    log = MemoryLog()
    created = next(iter(a_run()))[0][0]
    late = replace(created, at=START - 5000)
    log.commit(late)
    assert next(rebuilt(log)).at == START - 5000
    assert verify(log).is_intact


def test_a_type_that_changes_no_state_is_rebuilt_as_a_note() -> None:
    kinds = {event_type(event) for event in rebuilt(a_log())}
    assert {"request.refused", "execution.finalized"} <= kinds


@pytest.mark.parametrize(
    ("kind", "details"),
    [
        ("execution.created", {"workflow_id": 1}),
        ("execution.state_changed", {"from": "RUNNING", "to": "FAILED", "reason_code": "NO_SUCH"}),
        ("execution.state_changed", {"from": "READY", "to": "FAILED", "reason_code": "STARTED"}),
        ("execution.cancel_requested", {"message": 5}),
        ("step.state_changed", {"from": "READY", "to": ["RUNNING"], "reason_code": "STARTED"}),
        ("step.expanded", {"from": "READY", "reason_code": "EXPANDED", "items": 10**12}),
        ("step.expanded", {"from": "READY", "reason_code": "EXPANDED", "items": 2}),
        ("attempt.started", {"attempt": "1"}),
        ("attempt.started", {"attempt": True}),
        ("attempt.ended", {"attempt": 1, "to": "SUCCESS", "reason_code": "EXIT_ZERO", "log": 5}),
        ("attempt.ended", {"attempt": 1, "to": "SUCCESS", "reason_code": "EXIT_ZERO", "log": {}}),
        ("execution.cancel_requested", {"at": "soon"}),
        ("execution.cancel_requested", {"at": "1" * 30}),
    ],
)
def test_details_of_the_wrong_shape_are_refused(kind: str, details: dict[str, Any]) -> None:
    with pytest.raises(RebuildError):
        event_of(
            kind, details, ts=1, actor="a", execution_id="e", task_id="t", step_ids=lambda: ("t",)
        )


def test_a_steps_event_must_name_its_step() -> None:
    details = {"from": "PENDING", "to": "READY", "reason_code": "DEPS_MET"}
    with pytest.raises(RebuildError, match="names no step"):
        event_of(
            "step.state_changed", details, ts=1, actor="a", execution_id="e", task_id=None,
            step_ids=tuple,
        )  # fmt: skip


def test_an_edited_exit_code_is_named_in_the_words_of_the_user() -> None:
    log = a_log()
    attempt(log, "build", 1)["exit_code"] = 0
    found = findings(log)
    assert len(found) == 1
    assert found[0].message == "attempt 1 of `build` says exit 0, the chain says 2"
    assert (found[0].expected, found[0].found) == ("2", "0")
    assert found[0].seq is not None


def test_every_column_of_every_record_is_compared() -> None:
    places = [
        (table, index, name)
        for table, rows in (
            ("execution", [a_log().execution_rows[EXECUTION_ID]]),
            ("task", a_log().task_rows[EXECUTION_ID]),
            ("attempt", a_log().attempt_rows[EXECUTION_ID]),
        )
        for index, row in enumerate(rows)
        for name in row
    ]
    assert len(places) > 150
    log = a_log()
    tables = {
        "execution": [log.execution_rows[EXECUTION_ID]],
        "task": log.task_rows[EXECUTION_ID],
        "attempt": log.attempt_rows[EXECUTION_ID],
    }
    for table, index, name in places:
        record = tables[table][index]
        value = record[name]
        for other in (None, "x", 0, -7, value + 1 if type(value) is int else f"{value} "):
            if other == value and type(other) is type(value):
                continue
            if name in ("counts", "item_counts") and other == f"{value} ":
                continue  # the same counts
            record[name] = other
            report = verify(log, VerifyOptions(logs=False))
            assert report.verdict is Verdict.MODIFIED, (table, name, other)
        record[name] = value
    assert verify(log).is_intact


@pytest.mark.parametrize("name", ["inputs", "outputs", "error"])
def test_edited_free_data_does_not_have_the_digest_the_chain_sealed(name: str) -> None:
    log = a_log()
    record = attempt(log, "build" if name == "error" else "fetch", 1)
    record[name] = record[name].replace("1", "7").replace("no", "ok").replace("http", "ftp")
    found = findings(log)
    assert [finding.field for finding in found] == [name]
    assert "not those the chain sealed" in found[0].message


def test_an_edited_text_is_found_even_beyond_where_the_chain_cut_it() -> None:
    log = a_log()
    record = task(log, "ship")
    assert len(record["message"]) == 5000
    record["message"] = record["message"][:-1] + "y"
    assert [finding.field for finding in findings(log)] == ["message"]


def test_an_edited_byte_of_stored_output_is_found() -> None:
    log = a_log()
    log.stored_output[EXECUTION_ID, "build", 1][1] = b"passed\n"
    found = findings(log)
    assert "output of attempt 1 of `build`" in found[0].message
    assert verify(log, VerifyOptions(logs=False)).is_intact


@pytest.mark.parametrize("content", [b"name: attack\n", b"", None, "text", 5])
def test_an_edited_mission_file_is_found(content: object) -> None:
    log = a_log()
    log.mission_rows[0][1] = content
    assert findings(log)[0].field == "mission"


@pytest.mark.parametrize("chunks", [[], [b"trying\n"], [b"failed\n", b"trying\n"], [b"x", None]])
def test_output_that_is_missing_or_in_another_order_is_found(chunks: list[bytes | None]) -> None:
    log = a_log()
    log.stored_output[EXECUTION_ID, "build", 1] = chunks
    assert findings(log)[-1].field == "log"


def test_output_of_an_attempt_that_wrote_none_is_found() -> None:
    log = a_log()
    log.stored_output[EXECUTION_ID, "build", 2] = [b"invented\n"]
    assert findings(log)[0].field == "log"


def test_output_divided_otherwise_is_the_same_output() -> None:
    log = a_log()
    log.stored_output[EXECUTION_ID, "build", 1] = [b"try", b"ing\nfailed", b"\n"]
    assert verify(log).is_intact


def test_removed_and_invented_records_are_named() -> None:
    log = a_log()
    log.attempt_rows[EXECUTION_ID].pop()
    assert findings(log)[0].message.endswith("is in the chain and not in the table")
    log = a_log()
    log.attempt_rows[EXECUTION_ID].append({**log.attempt_rows[EXECUTION_ID][0], "attempt": 9})
    assert "attempt 9 of `fetch`" in findings(log)[0].message
    log = a_log()
    log.task_rows[EXECUTION_ID].append({**task(log, "each[1]"), "task_id": "each[2]"})
    assert "`each[2]`" in findings(log)[0].message
    log = a_log()
    log.task_rows[EXECUTION_ID].append(dict(task(log, "ship"), parent_task_id="each"))
    assert findings(log)[0].field == "step"
    log = a_log()
    del log.execution_rows[EXECUTION_ID]
    assert findings(log)[0].field == "execution"
    log = a_log()
    log.execution_rows["x"] = dict(log.execution_rows[EXECUTION_ID], execution_id="x")
    assert findings(log)[0].message == "execution x is in the table and not in the chain"


@pytest.mark.parametrize(
    "change",
    [
        lambda rows: rows.pop(0),
        lambda rows: rows[0].update(task_id="other"),
        lambda rows: rows[0].update(task_id=None),
        lambda rows: rows[0].update(task_id="\ud800"),
        lambda rows: rows[0].update(parent_task_id="each"),
        lambda rows: rows.insert(0, rows.pop(1)),
    ],
)
def test_steps_that_are_not_those_of_the_mission_are_found(
    change: Callable[[list[dict[str, Any]]], object],
) -> None:
    log = a_log()
    change(log.task_rows[EXECUTION_ID])
    assert findings(log)[0].field == "steps"


def test_an_edited_item_of_a_fan_out_is_found() -> None:
    log = a_log()
    task(log, "each[0]")["item"] = '"z"'
    assert findings(log)[0].field == "items"


def test_records_of_a_running_execution_may_be_ahead_by_its_output_only() -> None:
    log = a_log(whole=False)
    row = log.execution_rows[EXECUTION_ID]
    log.stored_output[EXECUTION_ID, "ship", 1] = [b"not sealed yet\n" * 5]
    row["log_entry_count"] += 5
    log.latest_output = row["updated_at"] = row["updated_at"] + 5
    assert verify(log).is_intact
    for name, wrong in (("log_entry_count", -1), ("log_entry_count", 1), ("updated_at", 1)):
        row[name] += wrong
        assert findings(log)[0].field == name
        row[name] -= wrong
    row["log_entry_count"] = 0
    assert findings(log)[0].field == "log_entry_count"
    log = a_log(whole=True)
    log.execution_rows[EXECUTION_ID]["log_entry_count"] += 1
    assert findings(log)[0].field == "log_entry_count"


def _a_lost_attempt(**seal: Any) -> MemoryLog:
    log = MemoryLog()
    created, running, ready, started = next(iter(a_run()))[0]
    log.commit(created, running, ready, started)
    log.commit(
        AttemptEnded(
            at=started.at + 9, execution_id=EXECUTION_ID, task_id="fetch", attempt=1,
            to_state=AttemptState.LOST, reason_code=Reason.RUNNER_LOST, **seal,
        ),
        finalize=True,
    )  # fmt: skip
    log.stored_output[EXECUTION_ID, "fetch", 1] = [b"half\n"]
    return log


def test_output_of_a_lost_attempt_is_compared_only_if_somebody_sealed_it() -> None:
    log = _a_lost_attempt()
    log.execution_rows[EXECUTION_ID]["log_entry_count"] = 1
    assert verify(log).is_intact
    log = _a_lost_attempt(**sealed_log(b"half\n"))
    assert verify(log).is_intact
    log.stored_output[EXECUTION_ID, "fetch", 1] = [b"whole\n"]
    assert findings(log)[0].field == "log"


def test_findings_are_limited_and_counted() -> None:
    log = MemoryLog()
    created, *_ = next(iter(a_run()))[0]
    log.commit(replace(created, step_ids=tuple(f"s{n}" for n in range(500))))
    for row in log.task_rows[EXECUTION_ID]:
        row["state"] = "SUCCESS"
    report = verify(log)
    assert len(report.findings) == 100
    assert report.finding_count == 500


def test_a_step_that_waits_and_wakes_keeps_its_instants() -> None:
    log = MemoryLog()
    created, *_ = next(iter(a_run()))[0]
    log.commit(created)

    def changed(at: int, source: TaskState, target: TaskState, **more: Any) -> TaskStateChanged:
        return TaskStateChanged(
            at=at, execution_id=EXECUTION_ID, task_id="fetch", from_state=source,
            to_state=target, reason_code=Reason.BACKOFF, **more,
        )  # fmt: skip

    t = TaskState
    log.commit(changed(START + 9000, t.PENDING, t.READY))
    log.commit(changed(START + 9100, t.READY, t.WAITING, resume_at=2**62))
    assert verify(log).is_intact
    task(log, "fetch")["resume_at"] = 2**62 + 1
    assert findings(log)[0].field == "resume_at"


def test_the_records_hold_what_the_chain_knows_by_digest_only() -> None:
    log = a_log()
    assert '"big":1180591620717411303424' in log.execution_rows[EXECUTION_ID]["params"]
    assert (
        TaskError(message="no", kind="Exit", exit_code=2).message
        in attempt(log, "build", 1)["error"]
    )
    kinds = {type(event) for event in rebuilt(log)}
    assert {AttemptStarted, StepExpanded} <= kinds


@pytest.mark.parametrize("signs", [True, False])
def test_an_edited_run_number_is_found_whether_the_chain_signed_or_only_counts_it(
    signs: bool,
) -> None:
    log = a_log(2, signs_run_numbers=signs)
    numbers = [row["run_number"] for row in log.execution_rows.values()]
    assert (numbers, verify(log).verdict) == ([1, 2], Verdict.INTACT)
    log.execution_rows[EXECUTION_ID]["run_number"] = 3
    (found,) = findings(log)
    assert found.message == f"execution {EXECUTION_ID} says run number 3, the chain says 1"


def test_a_run_number_that_was_signed_twice_is_found() -> None:
    (found,) = findings(a_log(2, forgets_run_numbers=True))
    assert "run number 1 follows 1" in found.message


def test_executions_behind_damage_are_not_suspected_for_numbers_that_cannot_be_counted() -> None:
    log = a_log(2, signs_run_numbers=False)
    first = [row for row in log.event_rows if row[6] == EXECUTION_ID]
    log.event_rows.remove(first[0])
    messages = [found.message for found in verify(log).findings]
    assert messages
    assert not any("run number" in message for message in messages)


def test_an_execution_that_claims_to_cover_everything_is_found() -> None:
    log = MemoryLog()
    events, _ = next(a_run())
    left_out = TaskStateChanged(
        at=events[-1].at + 1, execution_id=EXECUTION_ID, task_id="ship",
        from_state=TaskState.PENDING, to_state=TaskState.SKIPPED, reason_code=Reason.NOT_SELECTED,
    )  # fmt: skip
    log.commit(*events, left_out)
    assert log.execution_rows[EXECUTION_ID]["coverage"] == "subset"
    assert verify(log).verdict is Verdict.INTACT
    log.execution_rows[EXECUTION_ID]["coverage"] = "full"
    (found,) = findings(log)
    assert found.message == f"execution {EXECUTION_ID} says coverage full, the chain says subset"
