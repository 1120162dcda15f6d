"""What an audit event says, as a sentence for somebody who does not know its type."""

from core.domain.events import ENGINE
from core.domain.records import AuditEvent
from core.domain.state_word import counted
from core.explain.amendment_text import amendment_lines
from tui.output.json_shapes import task_of

_SENTENCES = {
    "execution.created": "started the mission {mission_name}",
    "execution.cancel_requested": "asked to cancel the execution",
    "execution.finalized": "sealed the record after {events}",
    "execution.amended": "amended what the retry runs: {changes}",
    "execution.retried": "retried an earlier execution",
    "execution.rerun": "ran an earlier execution again",
    "execution.state_changed": "moved the execution from {from} to {to}",
    "execution.breaker_changed": "changed the circuit breaker to {breaker}",
    "attempt.armed": "recorded attempt {attempt}, to start it with the next free slot",
    "attempt.disarmed": "gave up to start attempt {attempt}",
    "attempt.started": "started attempt {attempt}",
    "attempt.placed": "saw attempt {attempt} run on {host}, worker {worker}",
    "attempt.ended": "saw attempt {attempt} end {to}",
    "engine.started": "started the engine of version {version}",
    "engine.stopped": "stopped the engine",
    "log.created": "created the log {log_id}",
    "mission.validated": "validated the mission file, SHA-256 {mission_sha256}",
    "step.breakpoint_changed": "{breakpoint} the breakpoint before the step",
    "step.expanded": "made a task run for each item",
    "audit.anchored": "anchored the first {size} events by a {kind} of {time} by {by}",
    "audit.exported": "exported the evidence to {file}, SHA-256 {bundle_sha256}",
    "key.revoked": "revoked the key {key}: {reason}",
    "key.rotated": "handed the log over to the key {new}",
    "mission.rejected": "tried to run a mission that is not valid: {file}",
    "policy.violation": "was refused by a rule of safety or policy",
    "policy.warning": "was warned by a policy",
    "preconditions.checked": "checked the preconditions of the mission",
    "security.violation": "violated the security rules",
    "request.refused": "asked for what was refused",
    "runner.lost": "found that the runner of the execution had died",
    "runner.recovered": "went on after the runner had died",
    "env.read": "read environment files for the attempt",
    "secret.read": "gave secrets to the attempt: {names}",
    "attempt.killed": "ended {processes}, of which {survivors} survived",
    "attempt.late": "refused the end of attempt {attempt} on {host}: it had been lost before",
    "leftovers.ended": "ended {processes} that were left, of which {survivors} survived",
    "queue.held": "held the execution back in the group {group}",
    "queue.released": "let the execution go on in the group {group}",
    "clock.stepped": "noticed that the clock was set by {by_ms} ms",
    "clock.stepped_back": "noticed that the clock was set back",
}
_ANSWERS = {
    "APPROVED": "{verb} the approval",
    "REJECTED": "{verb} the rejection",
    "USER_RETRY": "retried the step",
}

_ENDS = frozenset({"attempt.ended", "step.state_changed"})
_COUNTED = {"events": ("event", "events"), "processes": ("process", "processes")}
"""The nouns of details that are counts."""


class _Details(dict[str, object]):
    """Values for a sentence; what an event does not have is said to be missing."""

    def __missing__(self, key: str) -> str:
        return f"(no {key})"


def act_text(event: AuditEvent) -> str:
    """Return the sentence, with step, reason and message where the event has them."""
    details = {key: _plain(key, value) for key, value in event.details.items()}
    if event.event_type == "execution.amended":
        details["changes"] = "; ".join(amendment_lines(event.details))
    step, reason = task_of(event), str(details.get("reason_code", ""))
    sentence = _SENTENCES.get(event.event_type)
    if event.event_type == "step.state_changed":
        sentence = "moved the step from {from} to {to}"
    if event.event_type in _ENDS and reason in _ANSWERS:
        sentence = _ANSWERS[reason]
        details["verb"] = "recorded" if event.actor == ENGINE else "gave"
    if sentence is None:
        sentence = "recorded " + event.event_type.replace("{", "{{").replace("}", "}}")
    parts = [sentence.format_map(_Details(details))]
    if step is not None:
        parts.append(f"in step {step}")
    if details.get("rule"):
        parts.append(f"by rule {details['rule']}")
    if reason:
        parts.append(f"({reason})")
    text = " ".join(parts)
    said = details.get("message") or details.get("reason")
    return f"{text}: {said}" if said else text


def _plain(key: str, value: object) -> object:
    if key in _COUNTED and type(value) is int:
        return counted(value, *_COUNTED[key])
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else value
