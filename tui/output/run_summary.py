"""The summary of a run: outcome, counts, failed steps, and the head of the audit chain."""

from collections.abc import Iterator, Mapping

from core.domain.reasons import Reason
from core.domain.records import Execution, MissionResult, StepResult, TaskRun
from core.domain.state_word import counted
from core.domain.states import Coverage, OverallStatus, StepStatus, TaskState
from core.domain.tally import tally_of, tally_words
from core.explain.failure_line import failure_of, is_sub_mission_failure, step_failure
from core.planning.ending import Ending
from core.ports.journal import Receipt
from core.value.duration import duration_text
from tui.output.ansi_colours import Palette
from tui.output.event_line import cause_line
from tui.output.next_command import next_command
from tui.words.cause import cause_of
from tui.words.run_label import SUBSET, run_argument, run_name
from tui.words.safe_text import safe, safe_line

MAX_SHOWN_STEPS = 3
"""How many failed steps are listed; the others are counted."""


def annotation_lines(result: MissionResult, tasks: Mapping[str, TaskRun]) -> Iterator[str]:
    """Yield a GitHub annotation for each failed step (docs.github.com, "Workflow commands")."""
    for one in result.step_results.values():
        if one.status is StepStatus.FAILED:
            title = _property(f"{one.step_id} {one.reason_code.value}")
            yield f"::error title={title}::{_data(_failure(one, tasks))}"


def ending_lines(
    result: MissionResult,
    execution: Execution,
    tasks: Mapping[str, TaskRun],
    ending: Ending,
    receipt: Receipt | None,
    palette: Palette,
) -> Iterator[str]:
    """Yield the lines; `mission audit verify --head` accepts the audit head they end with."""
    partial = "  partial" if result.overall_status is OverallStatus.PARTIAL else ""
    why = cause_line(cause_of(ending.reason.value, ending.message), palette)
    yield ""
    subset = f" {palette.paint(SUBSET, 'yellow')}" if result.coverage is Coverage.SUBSET else ""
    name = palette.paint(safe_line(run_name(result)), "bold")
    outcome = f"{palette.state(ending.state)}{subset}{partial}"
    yield "  ".join(part for part in (name, outcome, why) if part)
    counts = tally_words(tally_of(tasks.values()))
    yield f"  {counts} in {duration_text(result.total_duration_ms / 1000)}"
    failed = [one for one in result.step_results.values() if one.status is StepStatus.FAILED]
    failed.sort(key=lambda one: one.state is not TaskState.FAILED)  # before what they have ended
    for one in failed[:MAX_SHOWN_STEPS]:
        yield f"  {palette.glyph(one.state)} {one.step_id}: {safe_line(_failure(one, tasks))}"
    if len(failed) > MAX_SHOWN_STEPS:
        rest = failed[MAX_SHOWN_STEPS:]
        states = tally_words(tally_of(tasks[one.step_id] for one in rest))
        yield f"  … {counted(len(rest), 'more step')}: {states}"
    if failed:
        named = safe_line(run_argument(result, result.mission_id))
        below = " --children" if any(map(is_sub_mission_failure, tasks.values())) else ""
        yield f"  more: mission show {named} · mission logs {named}{below}"
        yield f"  again: {next_command(execution, tasks.values(), named=named)}"
    if receipt is not None:
        yield palette.paint(f"  audit head {receipt.size}:{receipt.root}", "dim")


def _failure(one: StepResult, tasks: Mapping[str, TaskRun]) -> str:
    """Return why a step failed; for a fan-out step, also why its first failed item did."""
    task = tasks[one.step_id]
    if task.reason_code is not Reason.ITEM_FAILED:
        return failure_of(task)
    items = (item for item in tasks.values() if item.parent_task_id == task.task_id)
    failed = next((item for item in items if item.state is TaskState.FAILED), None)
    return failure_of(task) if failed is None else f"{failure_of(task)}; {step_failure(failed)}"


def _data(text: str) -> str:
    return safe(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
