"""What has happened to the executions that are watched: ends, failures, questions, lost runners."""

from collections.abc import Iterator

from core.domain.reasons import Reason
from core.domain.records import Execution, TaskRun
from core.domain.state_word import WORDS, state_word
from core.domain.states import ExecutionState, is_terminal
from tui.live.messages import Delta
from tui.search.home_page import HomePage, Need, execution_rows
from tui.words.cause import cause_of
from tui.words.run_label import run_name


class Notices:
    """Compares what is delivered with what was: the first delivery of anything is no news."""

    def __init__(self) -> None:
        self._states: dict[str, ExecutionState] = {}
        self._needs: set[tuple[str, Need]] = set()
        self._has_home = False
        self._asking: dict[str, set[str]] = {}
        """The steps that wait for an approval, by execution."""

    def news(self, delta: Delta) -> list[str]:
        """Return a sentence for each thing that has happened."""
        found: list[str] = []
        if delta.home is not None:
            found += self._of_home(delta.home)
        if delta.execution is not None:
            found += self._of_execution(delta.execution, delta.tasks or {}, is_new=delta.opened)
        return found

    def _of_home(self, page: HomePage) -> Iterator[str]:
        needs: set[tuple[str, Need]] = set()
        for row in execution_rows(page.rows):
            execution, key = row.execution, row.execution.execution_id
            before = self._states.get(key)
            if row.need is not None:
                needs.add((key, row.need))
            is_new_need = self._has_home and row.need is not None
            if is_new_need and (key, row.need) not in self._needs and row.need is not Need.FAILURE:
                step = row.questions[0].task_id if row.questions else ""
                match row.need:
                    case Need.APPROVAL:
                        yield _asks(execution, step)
                    case Need.BREAKPOINT:
                        yield _stopped(execution)
                    case _:
                        yield _lost(execution)
            if row.depth == 0 and self._has_home and _has_ended(before, execution):
                yield _ended(execution)
            self._states[key] = execution.state
        self._needs, self._has_home = needs, True

    def _of_execution(
        self, execution: Execution, tasks: dict[str, TaskRun], *, is_new: bool
    ) -> Iterator[str]:
        key = execution.execution_id
        asking = self._asking.setdefault(key, set())
        for task in tasks.values():
            if task.reason_code is not Reason.AWAITING_APPROVAL:
                asking.discard(task.task_id)
            elif task.task_id not in asking:
                asking.add(task.task_id)
                self._needs.add((key, Need.APPROVAL))
                if not is_new:
                    yield _asks(execution, task.task_id)
        before = self._states.get(key)
        is_lost = execution.reason_code is Reason.RUNNER_LOST
        if is_lost and not is_new and (key, Need.LOST) not in self._needs:
            self._needs.add((key, Need.LOST))
            yield _lost(execution)
        is_stopped = execution.reason_code is Reason.BREAKPOINT
        if not is_stopped:  # it may come to another one
            self._needs.discard((key, Need.BREAKPOINT))
        elif not is_new and (key, Need.BREAKPOINT) not in self._needs:
            self._needs.add((key, Need.BREAKPOINT))
            yield _stopped(execution)
        if not is_new and _has_ended(before, execution):
            yield _ended(execution)
        self._states[key] = execution.state


def title_of(page: HomePage) -> str:
    """Return the title of the window while home is shown."""
    parts = [f"{page.needs:,} need you"] if page.needs else []
    parts += [f"{page.running:,} running"] if page.running else []
    parts += [f"{page.queued:,} queued"] if page.queued else []
    return f"mission: {', '.join(parts) or 'nothing running'}"


def title_of_run(execution: Execution) -> str:
    """Return the title of the window while an execution is shown."""
    word = state_word(execution.state, execution.reason_code)
    return f"mission: {run_name(execution)} {word}"


def _has_ended(before: ExecutionState | None, execution: Execution) -> bool:
    return before is not None and not is_terminal(before) and is_terminal(execution.state)


def _asks(execution: Execution, step: str) -> str:
    return f"{run_name(execution)} waits for an approval{f': {step}' if step else ''}"


def _lost(execution: Execution) -> str:
    return f"{run_name(execution)} has lost its runner"


def _stopped(execution: Execution) -> str:
    return f"{run_name(execution)} {execution.message or 'paused at a breakpoint'}"


def _ended(execution: Execution) -> str:
    told = f"{run_name(execution)} {WORDS[execution.state.value]}"
    sentence = cause_of(execution.reason_code.value, execution.message).sentence
    is_good = execution.state is ExecutionState.SUCCESS
    return told if is_good or not sentence else f"{told}: {sentence}"
