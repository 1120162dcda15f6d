"""Events of types that this version does not know: covered by the chain, and not interpreted."""

from typing import Any, ClassVar

import pytest

from core.audit.chain.chain import Link, SubChain
from core.audit.format.known_type import KNOWN_TYPES, is_known_type
from core.audit.verify.verdict import Report, Tier, Verdict, report_json
from core.audit.verify.verify import verify
from core.domain.events import Event, TaskStateChanged
from tests.support.memory_chain import EXECUTION_ID, MemoryLog, a_run


class StepTeleported(Event, frozen=True, kw_only=True):
    """What a later version might record, in the words of today's events."""

    type: ClassVar[str] = "step.teleported"

    def details(self) -> dict[str, Any]:
        return {"from": "RUNNING", "to": ["MARS"], "attempt": "first"}


class Odd(StepTeleported, frozen=True, kw_only=True):
    """A type whose name the chain has to clean."""

    type: ClassVar[str] = "été \udc80 " * 80


def an_empty_log() -> MemoryLog:
    """Return a log that has the output of `a_run` and none of its events."""
    log = MemoryLog()
    log.stored_output[EXECUTION_ID, "fetch", 1] = [b"fetched\n"]
    log.stored_output[EXECUTION_ID, "build", 1] = [b"trying\n", b"failed\n"]
    return log


def a_known_log() -> MemoryLog:
    """Return the log of one run without foreign events."""
    log = an_empty_log()
    for events, is_last in a_run():
        log.commit(*events, finalize=is_last)
    return log


def a_log(*, foreign: type[Event] = StepTeleported) -> MemoryLog:
    """Return the log of one run with a foreign event behind each commit but the last."""
    log = an_empty_log()
    for events, is_last in a_run():
        log.commit(*events, finalize=is_last)
        if not is_last:
            event = foreign(at=events[-1].at + 1, execution_id=EXECUTION_ID)
            log.writer.append_event(event, log.subs[EXECUTION_ID])
            log._store(log.writer.take_links())
    return log


@pytest.mark.parametrize("foreign", [StepTeleported, Odd])
def test_a_log_with_events_of_unknown_types_is_intact_and_says_how_many_there_are(
    foreign: type[Event],
) -> None:
    log = a_log(foreign=foreign)
    report = verify(log)
    assert report.verdict is Verdict.INTACT, report.findings
    assert all(report.tiers[tier] for tier in (Tier.CHAIN, Tier.SIGNED, Tier.COMPLETE))
    assert report.unknown_events == len(list(a_run())) - 1
    assert len(report.unknown_types) == 1
    assert report.unjudged_executions == 0
    assert report_json(report)["unknown_events"] == report.unknown_events


def test_a_log_without_them_says_so() -> None:
    report = verify(a_known_log())
    assert report.verdict is Verdict.INTACT
    assert (report.unknown_events, report.unknown_types) == (0, ())


def test_an_edited_event_of_an_unknown_type_is_modified_like_any_other() -> None:
    log = a_log()
    row = next(row for row in log.event_rows if row[3] == StepTeleported.type)
    row[10] = row[10].replace(b"MARS", b"MOON")
    report = verify(log)
    assert (report.verdict, report.findings[0].seq) == (Verdict.MODIFIED, row[0])


def differing(log: MemoryLog) -> Report:
    """Change what a table says of the run, and verify."""
    log.execution_rows[EXECUTION_ID]["message"] = "as a later version would have it"
    return verify(log)


def test_records_that_an_unknown_event_may_explain_are_unjudged_and_others_are_modified() -> None:
    report = differing(a_log())
    assert (report.verdict, report.unjudged_executions) == (Verdict.INTACT, 1)
    assert differing(a_known_log()).verdict is Verdict.MODIFIED


def test_a_transition_that_only_an_unknown_event_explains_is_unjudged() -> None:
    log = an_empty_log()
    write = log.writer.append_event

    def as_a_later_version(event: Event, sub: SubChain | None) -> Link:
        if isinstance(event, TaskStateChanged):
            event = StepTeleported(at=event.at, execution_id=event.execution_id)
        return write(event, sub)

    log.writer.append_event = as_a_later_version  # type: ignore[method-assign] # a twin's writer
    for events, is_last in a_run():
        log.commit(*events, finalize=is_last)
    report = verify(log)
    assert report.verdict is Verdict.INTACT, report.findings
    assert report.unknown_types == (StepTeleported.type,)
    assert report.unjudged_executions == 1


def test_what_this_version_writes_is_known_to_it() -> None:
    written = {
        kind.type for kind in Event.__subclasses__() if kind.__module__ == Event.__module__
    } - {"noted", "opaque"}
    assert written < KNOWN_TYPES
    assert not is_known_type(StepTeleported.type)
