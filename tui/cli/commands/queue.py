"""`mission queue`: who waits for whom."""

from core.operations.queue import Queue, queues
from core.ports.claims import Claim, ClaimKind
from core.value.timestamp import SECOND_NS
from tui.cli.command import command as declare
from tui.cli.invocation import Invocation
from tui.cli.records import records_if_any
from tui.words.numbers import rfc3339_or_none, rough
from tui.words.safe_text import safe_line


@declare("queue")
def command(invocation: Invocation) -> None:
    """Show who has, and who waits for, concurrency groups of missions and mutexes of steps.

    Those that wait are in the order in which they go on: by priority, then by how long they have
    waited. What is on hold is passed over until `mission release`. Executions without a live runner
    neither have anything nor wait.
    """
    console = invocation.console
    with records_if_any(invocation) as reader:
        found = [] if reader is None else queues(reader, invocation.now)
    if invocation.json:
        console.out_json({"queues": [_shape(queue) for queue in found]})
        return
    if reader is None:
        return
    if not found:
        console.say("nobody waits, and no group or mutex is taken")
    for queue in found:
        console.out(console.palette.paint(f"{queue.kind.value} {safe_line(queue.name)}", "bold"))
        for claim in queue.granted:
            console.out(f"  has it  {_who(claim)}, for {_age(claim.granted_at, invocation.now)}")
        for place, claim in enumerate(queue.waiting, 1):
            console.out(f"  {place:>5}.  {_who(claim)}, {_wait(claim, invocation.now)}")


def _who(claim: Claim) -> str:
    name = safe_line(claim.label or claim.execution_id)
    return name if claim.task_id is None else f"{name} {safe_line(claim.task_id)}"


def _wait(claim: Claim, now: int) -> str:
    parts = [f"waits {_age(claim.asked_at, now)}"]
    if claim.priority:
        parts.append(f"priority {claim.priority}")
    if claim.is_held:
        parts.append("on hold" if claim.kind is ClaimKind.GROUP else "paused")
    return ", ".join(parts)


def _age(since: int | None, now: int) -> str:
    return rough(0.0 if since is None else (now - since) / SECOND_NS)


def _shape(queue: Queue) -> dict[str, object]:
    return {
        "kind": queue.kind.value,
        "name": queue.name,
        "granted": [_claim_shape(claim) for claim in queue.granted],
        "waiting": [_claim_shape(claim) for claim in queue.waiting],
    }


def _claim_shape(claim: Claim) -> dict[str, object]:
    return {
        "execution_id": claim.execution_id,
        "reference": claim.label,
        "task_id": claim.task_id,
        "priority": claim.priority,
        "asked_at": rfc3339_or_none(claim.asked_at),
        "granted_at": rfc3339_or_none(claim.granted_at),
        "on_hold": claim.is_held,
    }
