"""What safety and policies say of a mission before it runs, as text and as JSON."""

from collections.abc import Sequence
from typing import Any

from core.operations.admission.planned_verdicts import PlanDecision, PlannedVerdict
from core.operations.admission.safety_findings import SafetyFinding
from tui.output.ansi_colours import Palette
from tui.words.report.decision_word import decision_word
from tui.words.safe_text import safe_line

_COLOURS = {PlanDecision.DENY: "red", PlanDecision.WARN: "yellow"}


def verdict_json(verdict: PlannedVerdict) -> dict[str, Any]:
    """Return a verdict as JSON data; that on the launch has no `task_id`."""
    return {
        "task_id": verdict.task_id,
        "decision": verdict.decision.value,
        "rule": verdict.rule,
        "message": verdict.message,
    }


def finding_json(finding: SafetyFinding) -> dict[str, Any]:
    """Return what safety refuses, and where the file says so, as JSON data."""
    return {
        "task_id": finding.task_id,
        "rule": finding.rule,
        "message": finding.sentence,
        "allow": finding.allow,
        "file": finding.diagnostic.file,
        "line": finding.line,
        "column": finding.column,
    }


def verdict_lines(
    verdicts: Sequence[PlannedVerdict],
    palette: Palette,
    *,
    all_of_them: bool = False,
    findings: Sequence[SafetyFinding] = (),
) -> list[str]:
    """Return a section with the verdicts that name a rule, or `all_of_them`; empty without any.

    Where in the file each of the `findings` stands goes with the verdict on its step.
    """
    shown = [one for one in verdicts if all_of_them or one.rule is not None]
    if not shown:
        return []
    places: dict[tuple[str | None, str | None], str] = {
        (one.task_id, one.rule): f" ({safe_line(one.diagnostic.file)}:{one.line}:{one.column})"
        for one in reversed(findings)
        if one.line
    }
    lines = [f"  {_line(one, palette)}{places.get((one.task_id, one.rule), '')}" for one in shown]
    return ["", palette.paint("Verdicts", "bold"), *lines]


def _line(verdict: PlannedVerdict, palette: Palette) -> str:
    name = "launch" if verdict.task_id is None else safe_line(verdict.task_id)
    return f"{name}  {verdict_text(verdict, palette)}"


def verdict_text(verdict: PlannedVerdict, palette: Palette) -> str:
    """Return a verdict in words, with the reason where there is one."""
    word = decision_word(verdict)
    colour = _COLOURS.get(verdict.decision)
    painted = word if colour is None else palette.paint(word, colour)
    if verdict.message is None:
        return painted
    message = safe_line(verdict.message)
    return (
        f"{painted}{message.removeprefix(word)}"
        if message.startswith(word)
        else (f"{painted}: {message}")
    )
