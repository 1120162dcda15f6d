"""The retry of many executions: what failed in each, in a new execution linked to it."""

from core.domain.records import Execution
from core.domain.state_word import counted
from core.domain.states import ExecutionState
from core.errors import ConflictError
from core.ports.reader import Reader
from tui.cli.acting.action import Action, Done
from tui.cli.following.linked_start import ask_for_inputs, start_one_of_many
from tui.cli.invocation import Invocation


def retry_of_many(invocation: Invocation, *, downstream: bool, reason: str) -> Action:
    """Return the retry of one of many executions that failed or were cancelled."""
    from core.operations.relaunch import RetryLinked, plan_retry

    def planned(reader: Reader, found: Execution) -> RetryLinked:
        retry = plan_retry(
            reader, found, downstream=downstream, reason=reason, actor=invocation.actor
        )
        if not isinstance(retry, RetryLinked):
            raise ConflictError(f"it has not ended: {found.state}")
        return retry

    def plan(reader: Reader, found: Execution) -> str:
        chosen = planned(reader, found).chosen
        return f"{counted(len(chosen.run), 'step')} again, {len(chosen.reuse):,} reused"

    def ask(reader: Reader, found: Execution) -> None:
        ask_for_inputs(invocation, planned(reader, found).order)

    async def act(reader: Reader, found: Execution) -> Done:
        return await start_one_of_many(invocation, planned(reader, found).order)

    return Action(
        verb="retry",
        states=frozenset({ExecutionState.FAILED, ExecutionState.CANCELLED}),
        is_unattended=True,
        plan=plan,
        act=act,
        ask=ask,
    )
