"""Every reason code in words, for when the records know nothing more precise."""

from collections.abc import Mapping
from types import MappingProxyType

from core.reasons import Reason

PHRASES: Mapping[Reason, str] = MappingProxyType(
    {
        Reason.CREATED: "it was created and nothing has happened since",
        Reason.STARTED: "it was started",
        Reason.DEPS_MET: "everything it depends on is done",
        Reason.DEPS_PENDING: "what it depends on is not done",
        Reason.SLOT_ACQUIRED: "it has a slot",
        Reason.EXPANDED: "it fanned out into items",
        Reason.ITEM_FAILED: "an item of its fan-out failed",
        Reason.HANDLER_FAILED: "a handler failed",
        Reason.HANDLER_NOT_NEEDED: "this handler is for another outcome",
        Reason.EXIT_ZERO: "it did what it was asked",
        Reason.EXIT_NONZERO: "it ended with an exit code that means failure",
        Reason.ALL_STEPS_DONE: "all steps are done",
        Reason.STEP_FAILED: "a step failed",
        Reason.TIMEOUT: "it ran out of time",
        Reason.MISSION_TIMEOUT: "the mission's deadline passed",
        Reason.BACKOFF: "it waits before its next try",
        Reason.RETRIES_EXHAUSTED: "every try that was allowed failed",
        Reason.UPSTREAM_FAILED: "a step it depends on failed",
        Reason.UPSTREAM_SKIPPED: "a step it depends on was skipped",
        Reason.TRIGGER_RULE: "its trigger rule can no longer be met",
        Reason.CONDITION_FALSE: "its condition is false",
        Reason.NOT_SELECTED: "it was left out when the execution was started",
        Reason.FAIL_FAST: "another step failed and fail_fast stops the rest",
        Reason.USER_CANCELLED: "somebody cancelled it",
        Reason.USER_PAUSED: "somebody paused it",
        Reason.USER_RESUMED: "somebody resumed it",
        Reason.USER_RETRY: "somebody asked for another try",
        Reason.AWAITING_APPROVAL: "somebody has to approve it",
        Reason.APPROVED: "it was approved",
        Reason.REJECTED: "it was rejected",
        Reason.POLICY_VIOLATION: "the policy does not allow it",
        Reason.SECURITY_VIOLATION: "it broke a security rule and everything was halted",
        Reason.RESOURCE_EXHAUSTED: "the machine is short of a resource",
        Reason.INVALID_PARAMETERS: "its parameters are not valid with their templates filled in",
        Reason.STEP_ERROR: "the step itself raised an error",
        Reason.RUNNER_LOST: "the runner that drove it is gone",
        Reason.CRASH_RECOVERY: "it was found unfinished after its runner was gone",
        Reason.OUTPUT_LIMIT: "it wrote more output than is allowed",
        Reason.WORKER_LOST: "the worker it ran on is gone",
        Reason.REUSED: "its result was reused from an earlier execution",
    }
)
"""Total: a test looks every reason up."""
