"""The JSON of `mission diff` and `mission history`."""

from collections.abc import Sequence
from typing import Any

from core.domain.records import Execution, TaskRun
from core.explain.run_history import RunOutcome, summary_of
from core.operations.history.comparison import Comparison
from tui.output.json_shapes import reference_of
from tui.words.numbers import rfc3339_or_none


def comparison_json(found: Comparison) -> dict[str, Any]:
    """Return what differs between two executions; `before` is the one compared with."""
    return {
        "before": _execution(found.before),
        "after": _execution(found.after),
        "changes": [change.to_json() for change in found.changes],
        "reasons": list(found.reasons),
        "steps": [
            {
                "task_id": pair.task_id,
                "before": _step(pair.before),
                "after": _step(pair.after),
            }
            for pair in found.steps
        ],
        "logs": {
            "compared_steps": found.compared_logs,
            "differences": [
                {"task_id": task_id, "gone": list(lines.gone), "new": list(lines.new)}
                for task_id, lines in found.logs.items()
            ],
        },
    }


def history_json(mission: str, step: str | None, runs: Sequence[RunOutcome]) -> dict[str, Any]:
    """Return the runs, the newest first, and what they have in common."""
    summary = summary_of(runs)
    return {
        "mission_name": mission,
        "task_id": step,
        "summary": {
            "runs": summary.runs,
            "succeeded": summary.succeeded,
            "failed": summary.failed,
            "succeeded_after_retry": summary.retried,
            "median_duration_ms": _milliseconds(summary.median_seconds),
            "longest_duration_ms": _milliseconds(summary.longest_seconds),
            "comparable_pairs": summary.comparable,
            "outcome_changes": summary.flips,
        },
        "runs": [
            {
                "execution_id": run.execution_id,
                "reference": run.reference,
                "state": run.state,
                "started_at": rfc3339_or_none(run.started_at),
                "ended_at": rfc3339_or_none(run.ended_at),
                "duration_ms": _milliseconds(run.seconds),
                "attempts": run.attempts,
                "mission_sha256": run.mission_digest,
                "message": run.message,
            }
            for run in runs
        ],
    }


def _execution(execution: Execution) -> dict[str, Any]:
    return {
        "execution_id": execution.execution_id,
        "reference": reference_of(execution),
        "state": execution.state.value,
        "duration_ms": execution.duration_ms,
    }


def _step(task: TaskRun | None) -> dict[str, Any] | None:
    if task is None:
        return None
    return {"state": task.state.value, "attempts": task.attempt, "duration_ms": task.worked_ms}


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 3)
