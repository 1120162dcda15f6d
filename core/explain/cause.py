"""The cause of one task run's state in one line, from the records of its execution.

Total: every state with every reason code has words. Pure.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from core.domain.breaker_state import BreakerState
from core.domain.item_label import quoted_title
from core.domain.mission import MissionStep, RetryPolicy
from core.domain.process_policy import LIMIT_EXCEEDED
from core.domain.reasons import Reason
from core.domain.records import Attempt, Execution, TaskRun
from core.domain.state_word import counted, state_word
from core.domain.states import AttemptState, ExecutionState, TaskState, is_terminal
from core.domain.tally import count_words, holds_slot, slot_limit, tally_of
from core.explain.execution_facts import (
    CAUSE_RESOLVED,
    ExecutionFacts,
    is_handler,
    is_obstacle,
    is_outdated,
    items,
    root_failure,
    unfinished_upstream,
    upstream,
)
from core.explain.reason_text import phrase_of
from core.value.duration import duration_text
from core.value.timestamp import SECOND_NS

MAX_NAMED_STEPS = 6
"""Steps named in one line; further ones are counted."""


def word_of(task: TaskRun) -> str:
    """Return the word for a task run's state."""
    return state_word(task.state, task.reason_code)


def cause_line(task: TaskRun, facts: ExecutionFacts) -> str:
    """Return the cause of one task run's state in one line."""
    if not is_terminal(task.state):
        return _LIVE[task.state](task, facts)
    told = _ENDED.get(task.reason_code)
    return _with_message(task) if told is None else told(task, facts)


def _pending(task: TaskRun, facts: ExecutionFacts) -> str:
    if task.parent_task_id is not None:
        return f"an item of `{task.parent_task_id}`, {_slots(facts)}"
    waits = unfinished_upstream(task, facts)
    if waits:
        return f"waits for {_named(waits)}"
    if is_handler(task, facts):
        return "a handler: it runs once the steps have ended, if their outcome calls for it"
    if facts.execution.state is ExecutionState.PENDING:
        return "the execution has not started"
    if task.reason_code is Reason.DEPS_PENDING:
        return "not evaluated yet"
    return _with_message(task)


def _ready(task: TaskRun, facts: ExecutionFacts) -> str:
    slots = _slots(facts)
    if task.reason_code in {Reason.DEPS_MET, Reason.ARMED}:
        return slots
    return f"{_with_message(task)}; {slots}"


def _running(task: TaskRun, facts: ExecutionFacts) -> str:
    if task.reason_code is Reason.EXPANDED:
        found = items(task, facts)
        told = count_words(tally_of(found).items)
        return counted(len(found), "item") + (f": {told}" if told else "")
    attempt = _latest(task, facts)
    since = task.worked_from if attempt is None else attempt.started_at
    spent = "" if since is None else f" for {duration_text((facts.now - since) / SECOND_NS)}"
    text = f"attempt {_number(task, facts)}{spent}"
    if task.reason_code not in _ORDINARY_START:
        text += f" ({phrase_of(task.reason_code)})"
    before = _failed_attempt(task, facts)
    return text if before is None else f"{text}, after {_attempt_end(before)}"


def _waiting(task: TaskRun, facts: ExecutionFacts) -> str:
    if task.reason_code is Reason.BACKOFF:
        policy = _policy(task, facts)
        upcoming = f"retry {task.attempt + 1}/{policy.max_attempts}" if policy else "a retry"
        when = ""
        if task.resume_at is not None:
            left = (task.resume_at - facts.now) / SECOND_NS
            when = f" in {duration_text(left)}" if left > 0 else ", due now"
        before = _failed_attempt(task, facts)
        text = f"{upcoming}{when}" + ("" if before is None else f" after {_attempt_end(before)}")
        return text if before is not None else behind(text, _message(task))
    if task.reason_code is Reason.AWAITING_APPROVAL:
        since = f" for {duration_text((facts.now - task.updated_at) / SECOND_NS)}"
        told = behind(f"has been awaiting approval{since}", _message(task))
        return told + _asked_for(facts.step(task.task_id))
    return _with_message(task)


def _asked_for(step: MissionStep | None) -> str:
    """Return what an approval asks for besides an answer; nothing for most."""
    inputs = {} if step is None else step.parameters.get("inputs")
    if not isinstance(inputs, Mapping) or not inputs:
        return ""
    names = ", ".join(
        f"`{name}`" + ("" if one.get("required") else f" (default {one.get('default', 'none')})")
        for name, one in inputs.items()
    )
    return f"; `mission approve --input NAME=VALUE` gives it {names}"


_ORDINARY_START = frozenset({Reason.SLOT_ACQUIRED, Reason.STARTED, Reason.DEPS_MET})
_LIVE: Mapping[TaskState, Callable[[TaskRun, ExecutionFacts], str]] = MappingProxyType(
    {
        TaskState.PENDING: _pending,
        TaskState.READY: _ready,
        TaskState.RUNNING: _running,
        TaskState.WAITING: _waiting,
    }
)


def _exited(task: TaskRun, facts: ExecutionFacts) -> str:
    code = _exit_code(task, facts)
    if task.error is not None and task.error.kind == LIMIT_EXCEEDED:
        return f"{_first_line(task.error.message)}{_after(task, facts)}"
    if code is not None:
        return f"exit {code}{_after(task, facts)}"
    if task.state is TaskState.SUCCESS:
        return phrase_of(task.reason_code) + _after(task, facts)
    return _message(task) or phrase_of(task.reason_code)


def _timed_out(task: TaskRun, facts: ExecutionFacts) -> str:
    step = facts.step(task.task_id)
    limit = None
    if step is not None and facts.mission is not None:
        limit = step.timeout_seconds or facts.mission.config.timeout_seconds
    return "TIMEOUT" + (_after(task, facts) if limit is None else f", {duration_text(limit)}")


def _mission_timed_out(_task: TaskRun, facts: ExecutionFacts) -> str:
    limit = None if facts.mission is None else facts.mission.config.timeout_seconds
    return phrase_of(Reason.MISSION_TIMEOUT) + (
        "" if limit is None else f", {duration_text(limit)}"
    )


def _exhausted(task: TaskRun, facts: ExecutionFacts) -> str:
    last = _failed_attempt(task, facts)
    text = f"retries exhausted ({_number(task, facts)})"
    return text if last is None else f"{text}, the last attempt: {_attempt_end(last)}"


def _upstream(task: TaskRun, facts: ExecutionFacts) -> str:
    step = facts.step(task.task_id)
    if step is not None and is_outdated(task, step.depends_on, facts.tasks):
        return CAUSE_RESOLVED
    culprits = [one for one in upstream(task, facts) if is_obstacle(one)]
    if not culprits:
        return _message(task) or phrase_of(task.reason_code)
    told = ", ".join(_brief(one, facts) for one in culprits[:3])
    return told + (f" and {len(culprits) - 3} more" if len(culprits) > 3 else "")


def _rule(task: TaskRun, facts: ExecutionFacts) -> str:
    step = facts.step(task.task_id)
    rule = "its trigger rule" if step is None else f"trigger_rule {step.trigger_rule.value}"
    ended = [_brief(one, facts) for one in upstream(task, facts) if is_terminal(one.state)]
    return f"{rule} can no longer be met" + (f": {', '.join(ended[:3])}" if ended else "")


def _condition(task: TaskRun, facts: ExecutionFacts) -> str:
    step = facts.step(task.task_id)
    when = "its condition" if step is None or step.when is None else f"when `{step.when}`"
    return f"{when} is false"


def _fail_fast(_task: TaskRun, facts: ExecutionFacts) -> str:
    root = root_failure(facts.tasks, facts.mission)
    if root is None:
        return phrase_of(Reason.FAIL_FAST)
    return f"fail_fast: {_brief(root, facts)}"


def _cancelled(task: TaskRun, facts: ExecutionFacts) -> str:
    by, message = facts.execution.cancel_requested_by, _message(task)
    if by is None:
        return message or phrase_of(Reason.USER_CANCELLED)
    told = f"cancelled by {by}"
    return message if message and message.startswith(told) else told


def _reused(task: TaskRun, _scene: ExecutionFacts) -> str:
    return "reused from " + (task.reused_from or "an earlier execution")


def _up_to_date(task: TaskRun, _scene: ExecutionFacts) -> str:
    told = f"up to date, {_message(task)}"
    return told if task.reused_from is None else f"{told}; its last success: {task.reused_from}"


def _all_items(task: TaskRun, _scene: ExecutionFacts) -> str:
    return behind("all of its items are done", _message(task))


def _failed_items(task: TaskRun, facts: ExecutionFacts) -> str:
    failed = [one for one in items(task, facts) if one.state is TaskState.FAILED]
    return (
        f"{len(failed)} of its {counted(len(items(task, facts)), 'item')} failed"
        if failed
        else phrase_of(Reason.ITEM_FAILED)
    )


_ENDED: Mapping[Reason, Callable[[TaskRun, ExecutionFacts], str]] = MappingProxyType(
    {
        Reason.EXIT_ZERO: _exited,
        Reason.STEP_DONE: _exited,
        Reason.EXIT_NONZERO: _exited,
        Reason.TIMEOUT: _timed_out,
        Reason.MISSION_TIMEOUT: _mission_timed_out,
        Reason.RETRIES_EXHAUSTED: _exhausted,
        Reason.UPSTREAM_FAILED: _upstream,
        Reason.UPSTREAM_SKIPPED: _upstream,
        Reason.TRIGGER_RULE: _rule,
        Reason.CONDITION_FALSE: _condition,
        Reason.FAIL_FAST: _fail_fast,
        Reason.USER_CANCELLED: _cancelled,
        Reason.REUSED: _reused,
        Reason.UP_TO_DATE: _up_to_date,
        Reason.ITEM_FAILED: _failed_items,
        Reason.ALL_STEPS_DONE: _all_items,
    }
)


# --- pieces ---------------------------------------------------------------------------------------


def _brief(task: TaskRun, facts: ExecutionFacts) -> str:
    """Return a cause within another line: "`build` failed (TIMEOUT, 300 s)"."""
    detail = task.reason_code.value
    if task.reason_code is Reason.TIMEOUT:
        detail = _timed_out(task, facts)
    elif task.reason_code is Reason.EXIT_NONZERO:
        code = _exit_code(task, facts)
        detail = detail if code is None else f"exit {code}"
    elif task.reason_code is Reason.RETRIES_EXHAUSTED:
        last = _failed_attempt(task, facts)
        detail = f"{detail}, {_number(task, facts)}"
        detail += "" if last is None else f", last {_attempt_end(last)}"
    return f"{quoted_title(task)} {word_of(task)} ({detail})"


def _slots(facts: ExecutionFacts) -> str:
    if facts.execution.breaker is not BreakerState.CLOSED:
        return breaker_text(facts.execution)
    running = [task for task in facts.tasks.values() if holds_slot(task)]
    limit = slot_limit(facts.execution, facts.mission)
    if limit is None:
        return f"waits for a slot, {len(running)} running"
    if len(running) < limit:
        return f"about to start, {len(running)} of {counted(limit, 'slot')} in use"
    names = " ".join(task.task_id for task in running[:MAX_NAMED_STEPS])
    more = f" and {len(running) - MAX_NAMED_STEPS} more" if len(running) > MAX_NAMED_STEPS else ""
    return f"waits for a slot: parallel_limit {limit} is reached, running {names}{more}"


def breaker_text(execution: Execution) -> str:
    """Say what the circuit breaker of an execution does, when it is not closed."""
    if execution.breaker is BreakerState.HALF_OPEN:
        return "the circuit breaker is half-open: one attempt is let through"
    return f"the circuit breaker opened, no attempt is started: {execution.breaker_message}"


def _named(tasks: Sequence[TaskRun]) -> str:
    told = ", ".join(f"{quoted_title(task)} ({word_of(task)})" for task in tasks[:MAX_NAMED_STEPS])
    return told + (
        f" and {len(tasks) - MAX_NAMED_STEPS} more" if len(tasks) > MAX_NAMED_STEPS else ""
    )


def _latest(task: TaskRun, facts: ExecutionFacts) -> Attempt | None:
    tries = facts.attempts.get(task.task_id)
    return tries[-1] if tries else None


def _failed_attempt(task: TaskRun, facts: ExecutionFacts) -> Attempt | None:
    """Return the last attempt that did not succeed."""
    bad = {AttemptState.FAILED, AttemptState.LOST, AttemptState.CANCELLED}
    tries = facts.attempts.get(task.task_id, ())
    return next((one for one in reversed(tries) if one.state in bad), None)


def _attempt_end(attempt: Attempt) -> str:
    if attempt.reason_code is Reason.EXIT_NONZERO and attempt.exit_code is not None:
        return f"exit {attempt.exit_code}"
    if attempt.error is not None and attempt.error.message:
        return f"{attempt.reason_code.value} ({_first_line(attempt.error.message)})"
    return attempt.reason_code.value


def _exit_code(task: TaskRun, facts: ExecutionFacts) -> int | None:
    attempt = _latest(task, facts)
    if attempt is not None and attempt.exit_code is not None:
        return attempt.exit_code
    return None if task.error is None else task.error.exit_code


def _after(task: TaskRun, facts: ExecutionFacts) -> str:
    spent = task.worked_ms
    text = "" if spent is None else f" after {duration_text(spent / 1000)}"
    tried = f", attempt {_number(task, facts)}" if task.attempt > 1 else ""
    return text + tried


def _number(task: TaskRun, facts: ExecutionFacts) -> str:
    policy = _policy(task, facts)
    if policy is None or policy.max_attempts < task.attempt:
        return str(task.attempt)
    return f"{task.attempt}/{policy.max_attempts}"


def _policy(task: TaskRun, facts: ExecutionFacts) -> RetryPolicy | None:
    step = facts.step(task.task_id)
    if step is None or facts.mission is None or step.repeat is not None:
        return None  # attempts that repeat a step are no retries
    return step.retry or facts.mission.config.retry


def _message(task: TaskRun) -> str:
    if task.message:
        return _first_line(task.message)
    return _first_line(task.error.message) if task.error is not None else ""


def _with_message(task: TaskRun) -> str:
    return behind(phrase_of(task.reason_code), _message(task))


def behind(text: str, message: str | None) -> str:
    """Return `text` followed by the first line of a message, unless one contains the other."""
    line = _first_line(message or "")
    if line.startswith(text):
        return line
    return text if not line or line in text else f"{text}: {line}"


def _first_line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "")
