"""Explains every reason code: a phrase, when the code occurs, and what to do about it.

`mission explain CODE` and docs/reason-codes.md print this; `mission why` falls back on the phrase
where the records say nothing more precise.
"""

from collections.abc import Mapping
from types import MappingProxyType

from msgspec import Struct

from core.domain.reasons import Reason


class ReasonText(Struct, frozen=True):
    """The texts of one reason code. `occurs` and `action` are whole sentences."""

    phrase: str
    """Completes "the step is in this state because ..."."""
    occurs: str
    """When an execution, step or attempt carries the code."""
    action: str
    """What an operator can do about it."""


_NOTHING = "Nothing."

REASON_TEXTS: Mapping[Reason, ReasonText] = MappingProxyType(
    {
        Reason.CREATED: ReasonText(
            "it was created and nothing has happened since",
            "The execution has been recorded and no runner has started to drive it.",
            "Nothing while its runner is starting. If it stays in this state, the runner never"
            " started: `mission resume EXEC` starts another.",
        ),
        Reason.STARTED: ReasonText(
            "it was started",
            "A runner has begun to drive the execution.",
            _NOTHING,
        ),
        Reason.DEPS_MET: ReasonText(
            "everything it depends on is done",
            "The trigger rule of the step is satisfied and its condition is true: it is queued.",
            "Nothing. A step that stays queued waits for a free slot: `parallel_limit` in the"
            " mission, `--max-parallel`, or the limit over all executions in the settings.",
        ),
        Reason.DEPS_PENDING: ReasonText(
            "what it depends on is not done",
            "At least one step that this step depends on has not ended.",
            "Nothing. `mission why EXEC STEP` names the steps it waits for.",
        ),
        Reason.ARMED: ReasonText(
            "its start is recorded and it begins with the next free slot",
            "Everything it depends on is done. Its first attempt was recorded ahead of a free slot,"
            " so that no slot stays idle while a start is written; until the start is told, only"
            " the runner knows whether the attempt has begun.",
            "Nothing.",
        ),
        Reason.SLOT_ACQUIRED: ReasonText(
            "it has a slot",
            "An attempt was started.",
            _NOTHING,
        ),
        Reason.EXPANDED: ReasonText(
            "it fanned out into items",
            "A step with `foreach` or `matrix` has become one task run for each item.",
            "Nothing. The step ends when all of its items have.",
        ),
        Reason.ITEM_FAILED: ReasonText(
            "an item of its fan-out failed",
            "At least one item of a step with `foreach` or `matrix` has failed.",
            "Look at the items that failed (`mission show EXEC`). `mission retry EXEC` runs them"
            " again and keeps the items that succeeded.",
        ),
        Reason.HANDLER_FAILED: ReasonText(
            "a handler failed",
            "Every step succeeded, and a handler without `continue_on_error` failed.",
            "Read the log of the handler: `mission logs EXEC HANDLER`.",
        ),
        Reason.HANDLER_NOT_NEEDED: ReasonText(
            "this handler is for another outcome",
            "The execution ended in an outcome that this handler is not declared for.",
            _NOTHING,
        ),
        Reason.EXIT_ZERO: ReasonText(
            "its process ended with an expected exit code",
            "The process of the step ended with one of its expected exit codes (`expect_exit`,"
            " usually 0).",
            _NOTHING,
        ),
        Reason.STEP_DONE: ReasonText(
            "it succeeded",
            "The attempt of a step that runs no process succeeded.",
            _NOTHING,
        ),
        Reason.EXIT_NONZERO: ReasonText(
            "it ended with an exit code that means failure",
            "The process of the step ended with an exit code that `expect_exit` does not list, or"
            " by a signal (exit code -N for signal N).",
            "Read the last lines of its log: `mission logs EXEC STEP -n 20`.",
        ),
        Reason.ALL_STEPS_DONE: ReasonText(
            "all steps are done",
            "Everything ended well, or every failure was tolerated by `continue_on_error`.",
            _NOTHING,
        ),
        Reason.FINISHED: ReasonText(
            "a `finish` step ended the mission early",
            "A step of the type `finish` ran: what had started went on to its end, the steps that"
            " had not started were skipped, and without a failure the execution is a success.",
            "Nothing. `mission rerun EXEC` runs the whole mission again.",
        ),
        Reason.STEP_FAILED: ReasonText(
            "a step failed",
            "A step failed, and its failure was not tolerated by `continue_on_error`. A"
            " sub-mission step has this code when its child execution failed.",
            "`mission why EXEC` names the step; `mission retry EXEC` runs what did not succeed.",
        ),
        Reason.TIMEOUT: ReasonText(
            "it ran out of time",
            "The attempt was ended when its `timeout_seconds` had passed, a request or a"
            " `wait_for` had no answer in time, or nobody answered an approval within its timeout.",
            "Look at its last output; raise the timeout, or find out why it takes so long. A retry"
            " policy may name TIMEOUT in `retry_on.reason_codes`.",
        ),
        Reason.MISSION_TIMEOUT: ReasonText(
            "the mission's deadline passed",
            "`config.timeout_seconds` of the mission had passed: running attempts were ended and"
            " the remaining steps were skipped.",
            "Raise the deadline in the mission file, or find the step that took the time:"
            " `mission show EXEC`.",
        ),
        Reason.BACKOFF: ReasonText(
            "it waits before its next attempt",
            "An attempt failed and the retry policy allows another one after a pause.",
            "Nothing. The pause survives a restart of the runner.",
        ),
        Reason.RETRIES_EXHAUSTED: ReasonText(
            "every allowed attempt failed",
            "The attempt failed, and it was the last that `retry.max_attempts` allows.",
            "Compare the attempts: `mission logs EXEC STEP/1`, `STEP/2`, and so on.",
        ),
        Reason.UPSTREAM_FAILED: ReasonText(
            "a step it depends on failed",
            "A step that this step depends on failed, or was skipped because of a failure.",
            "Fix the step that failed; `mission retry EXEC` then also runs this one.",
        ),
        Reason.UPSTREAM_SKIPPED: ReasonText(
            "a step it depends on was skipped",
            "A step that this step depends on was skipped, and the trigger rule requires success.",
            "If this step should run anyway, give it another `trigger_rule`, such as"
            " none_failed_min_one_success.",
        ),
        Reason.TRIGGER_RULE: ReasonText(
            "its trigger rule can no longer be met",
            "The outcomes of the steps it depends on can no longer satisfy its `trigger_rule`.",
            "Nothing if that is what the rule is for; otherwise choose another rule.",
        ),
        Reason.CONDITION_FALSE: ReasonText(
            "its condition is false",
            "The `when` of the step was evaluated and is false.",
            "Nothing if that is what the condition is for.",
        ),
        Reason.PRECONDITION_UNMET: ReasonText(
            "a precondition does not hold",
            "One of the `preconditions` of the step did not hold when its attempt started, or one"
            " of the mission before its first step: an expression is false, or a script did not"
            " exit with 0. The step was not run; for one of the mission no step and no handler is"
            " run, and the execution is a success.",
            "Nothing if that is what the precondition is for. The message names it. What a script"
            " of a step wrote is in the log of the attempt; of one of the mission the message has"
            " the last line.",
        ),
        Reason.PRECONDITION_ERROR: ReasonText(
            "a precondition of the mission could not be checked",
            "An expression among the `preconditions` of the mission could not be evaluated, or a"
            " script could not be run. No step was run; handlers for a failure are.",
            "The message says what is wrong. Mend it, and run the mission again.",
        ),
        Reason.QUEUED: ReasonText(
            "it waits for its turn in its concurrency group",
            "Another execution of the same `concurrency.group` runs or is ahead in the queue.",
            "`mission queue` shows who is before it. `mission hold EXEC` keeps its place without"
            " letting it run, `mission release EXEC` lets it go on.",
        ),
        Reason.ADMITTED: ReasonText(
            "its turn in its concurrency group has come",
            "The execution waited for its `concurrency.group`, and nobody is before it any more.",
            "Nothing.",
        ),
        Reason.GROUP_TAKEN: ReasonText(
            "another execution of its concurrency group runs",
            "The policy of its `concurrency` is `refuse`, and another execution of the group runs"
            " or is ahead in the queue. No step was started.",
            "Run it again when the other one has ended, or use the policy `queue`.",
        ),
        Reason.MUTEX: ReasonText(
            "it waits for a mutex, or has just got it",
            "At most one attempt of all executions has a mutex at a time. The step waits for it"
            " without a slot, and each attempt asks anew.",
            "`mission queue` shows who has it and who waits.",
        ),
        Reason.REPEATING: ReasonText(
            "it is repeated",
            "An attempt succeeded, and `repeat` asks for another after a pause.",
            "Nothing. The pause survives a restart of the runner, and a repetition is no retry.",
        ),
        Reason.REPEATS_EXHAUSTED: ReasonText(
            "what it was repeated for did not happen",
            "`repeat.until` was still false after the last attempt that `repeat.max` allows.",
            "Compare the attempts: `mission logs EXEC STEP/1`, `STEP/2`, and so on. Raise `max` or"
            " `every` if it needs more time. `mission retry EXEC` counts from one again.",
        ),
        Reason.SERVICE_READY: ReasonText(
            "it serves the steps that need it",
            "A step with `service: true` is ready. Its process runs, without a slot, until the last"
            " of the steps below it has ended.",
            "Nothing. `mission logs EXEC STEP -f` follows its output.",
        ),
        Reason.SERVICE_ENDED: ReasonText(
            "no step needs the service any more",
            "Every step below a service has ended, so its process was asked to end. A service that"
            " nothing needed any more before it started is skipped.",
            _NOTHING,
        ),
        Reason.SERVICE_DIED: ReasonText(
            "its process ended by itself",
            "The process of a step with `service: true` exited by itself, with whatever code. The"
            " steps that need it are ended or skipped (UPSTREAM_FAILED). One that was not ready yet"
            " is retried by its policy.",
            "Read its last lines: `mission logs EXEC STEP -n 20`. `mission retry EXEC` starts the"
            " service again for what did not succeed.",
        ),
        Reason.NOT_SELECTED: ReasonText(
            "it was left out when the execution was started",
            "`--only`, `--target`, `--skip`, `--resume-from` or a retry of other steps left this"
            " step out.",
            "Run the mission without the option to run all of its steps.",
        ),
        Reason.FAIL_FAST: ReasonText(
            "another step failed and fail_fast stops the rest",
            "Another step failed and `config.fail_fast` is true (the default).",
            "Fix the step that failed first: `mission why EXEC`. With `fail_fast: false`"
            " independent branches continue.",
        ),
        Reason.USER_CANCELLED: ReasonText(
            "somebody cancelled it",
            "Somebody cancelled the execution or the step, with a command, a key or a signal.",
            "`mission retry EXEC` runs what did not succeed.",
        ),
        Reason.USER_PAUSED: ReasonText(
            "somebody paused it",
            "Somebody paused the execution: running attempts continue, no new ones are started.",
            "`mission resume EXEC` continues it.",
        ),
        Reason.BREAKPOINT: ReasonText(
            "it paused at a breakpoint",
            "A step was about to start that has a breakpoint, from `mission run --break STEP` or"
            " set with a key. Running attempts continue, no new ones are started.",
            "`mission resume EXEC` goes on with that step: the breakpoint is used up.",
        ),
        Reason.USER_RESUMED: ReasonText(
            "somebody resumed it",
            "Somebody resumed a paused execution.",
            _NOTHING,
        ),
        Reason.USER_RETRY: ReasonText(
            "somebody asked for another attempt",
            "Somebody retried the step while the execution was live.",
            _NOTHING,
        ),
        Reason.AWAITING_APPROVAL: ReasonText(
            "somebody has to approve it",
            "An approval step waits for a person to answer.",
            "`mission approve EXEC STEP` or `mission reject EXEC STEP`, by one of its approvers.",
        ),
        Reason.APPROVED: ReasonText(
            "it was approved",
            "A person approved.",
            _NOTHING,
        ),
        Reason.REJECTED: ReasonText(
            "it was rejected",
            "A person rejected. A rejection is never retried by a retry policy.",
            "The message names who rejected and their comment. `mission retry EXEC` asks again.",
        ),
        Reason.POLICY_VIOLATION: ReasonText(
            "a policy does not allow it",
            "A policy denied the step. The execution is halted at once: `continue_on_error` is"
            " ignored and no handler runs.",
            "The message names the policy and its file; `mission policy explain EXEC STEP` tells"
            " what it says today. Change the step, or have the policy changed by whoever owns it.",
        ),
        Reason.SECURITY_VIOLATION: ReasonText(
            "it broke a security rule and everything was halted",
            "Safety refused the step: it would destroy a system, change which code programs load,"
            " leave its working folder, touch Mission Deck's own files, or reach a forbidden"
            " address. The execution is halted at once: nothing is retried, `continue_on_error` is"
            " ignored, what runs is ended, and no handler runs.",
            "The message names the rule and what would allow it (`docs/security.md`). If the step"
            " was not meant to do this, find out who changed the mission.",
        ),
        Reason.RESOURCE_EXHAUSTED: ReasonText(
            "the machine is short of a resource",
            "The machine is short of disk space, memory, file descriptors or processes, or the"
            " runner cannot keep up: the circuit breaker is open. The step waits until that is"
            " over, and fails after `config.breaker.max_wait_seconds`. An attempt carries the code"
            " when no executor had room for it.",
            "Free the resource that the message names: waiting steps start by themselves then."
            " For one that has failed, `mission retry EXEC`.",
        ),
        Reason.INVALID_PARAMETERS: ReasonText(
            "its parameters are not valid once their templates are resolved",
            "With its templates resolved, the step cannot run as written: a value has the wrong"
            " type, or the step cannot start for a permanent cause. A retry policy never retries"
            " it.",
            "Fix the mission file, then `mission run FILE --resume-from STEP`: a retry would use"
            " the mission as it was recorded.",
        ),
        Reason.STEP_ERROR: ReasonText(
            "the step itself raised an error",
            "The step cannot do its work: a missing file, text that is no"
            " JSON, an assertion that does not hold, or an error in the code of the step type.",
            "The message says what; `mission show EXEC STEP` has the stack trace, if there is one.",
        ),
        Reason.RUNNER_LOST: ReasonText(
            "the runner that drove it is gone",
            "The process that drove the execution ended unexpectedly (kill -9, power failure). Its"
            " running attempts are LOST.",
            "`mission resume EXEC` continues it: what succeeded is not run again, lost attempts are"
            " repeated.",
        ),
        Reason.CRASH_RECOVERY: ReasonText(
            "it was found unfinished after its runner was gone",
            "A new runner took over from a lost one and repeats the lost attempts.",
            _NOTHING,
        ),
        Reason.OUTPUT_LIMIT: ReasonText(
            "it wrote more output than is allowed",
            "The result of the step is larger than a step's output may be.",
            "Write large data to a file, and pass its path on.",
        ),
        Reason.WORKER_LOST: ReasonText(
            "the worker it ran on is gone",
            "How the process of the attempt ended could not be determined.",
            "Find out what it did, then `mission retry EXEC`.",
        ),
        Reason.UNPLACEABLE: ReasonText(
            "no worker of the cluster can hold it",
            "No worker has what the step runs on (`runs_on`), or the cluster has no workers.",
            "Start a worker that has it: `mission worker ADDRESS --resources gpu=1`. The step waits"
            " for 10 minutes and then fails.",
        ),
        Reason.CLUSTER_LOST: ReasonText(
            "the cluster cannot be reached",
            "The scheduler of the cluster is gone or out of reach, so no process can be started"
            " there; the execution is paused.",
            "See to the scheduler (`mission doctor --executor ADDRESS`), then `mission resume"
            " EXEC`.",
        ),
        Reason.SET_BY_HAND: ReasonText(
            "a person has set its outcome",
            "The step did not run: a person has set it to success, without outputs, for the reason"
            " that is recorded.",
            _NOTHING,
        ),
        Reason.UP_TO_DATE: ReasonText(
            "nothing that it depends on has changed since its last success",
            "The step declares `inputs` or `outputs`. Its definition, environment, parameters and"
            " the contents of its files are those of its last success, and what it made is still"
            " there: it was skipped, and its recorded output stands for it.",
            "Nothing. `mission run --force=STEP` runs it all the same.",
        ),
        Reason.REUSED: ReasonText(
            "its result was reused from an earlier execution",
            "The step had succeeded in the execution that this one retries or resumes from.",
            _NOTHING,
        ),
    }
)
"""Total: a test looks every reason up."""


def phrase_of(reason: Reason) -> str:
    """Return the phrase for a reason code."""
    return REASON_TEXTS[reason].phrase
