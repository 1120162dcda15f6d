"""A mission file before it runs, as lines: its findings and its steps. Pure."""

from collections.abc import Sequence

from core.domain.state_word import counted
from core.expression.condition import precondition_line
from core.launch.step_path import SEPARATOR
from core.operations.admission.planned_verdicts import PlanDecision, PlannedVerdict
from core.operations.mission_secret_check import SecretState
from core.value.duration import duration_text
from tui.live.backend import Finding, Preview
from tui.look.styled_text import Line, StyleName
from tui.words.report.decision_word import decision_word
from tui.words.safe_text import clean_line

MAX_SHOWN_STEPS = 500
MAX_NAMED_PLACES = 5
"""Of a finding that is at many places so many are named."""


def finding_lines(findings: Sequence[Finding]) -> list[Line]:
    """Return the findings with their hints; one that is at several places once."""
    alike: dict[tuple[str, str, str, str | None], list[Finding]] = {}
    for one in findings:
        alike.setdefault((one.severity, one.code, one.message, one.hint), []).append(one)
    lines: list[Line] = []
    for found in alike.values():
        lines.append(finding_line(*found))
        if hint := found[0].hint:
            lines.append([("  ", ""), (clean_line(hint), "muted")])
    return lines


def finding_line(finding: Finding, *others: Finding) -> Line:
    """Return a finding: its severity, its position and those of `others` alike, code, message."""
    places = [f"{one.line}:{one.column or 1}" for one in (finding, *others) if one.line]
    more = len(places) - MAX_NAMED_PLACES
    where = ", ".join(places[:MAX_NAMED_PLACES]) + (f" and {more} more" if more > 0 else "")
    where += " " if where else ""
    return [
        (f"{finding.severity} ", "bad" if finding.severity == "error" else "warn"),
        (f"{where}{finding.code}  ", "faint"),
        (clean_line(finding.message), "text"),
    ]


def secret_line(secret: SecretState) -> Line:
    """Return what is wrong with a secret: that it cannot be read now, or will not be masked."""
    if secret.is_missing and secret.is_input:
        told = "is secret: its value is not recorded"
    else:
        told = secret.problem or "too short to be masked in output"
    return [
        ("secret ", "warn" if secret.problem and not secret.is_input else "muted"),
        (f"{clean_line(secret.name)}  ", "text"),
        (clean_line(told), "muted"),
    ]


_STYLES = {
    PlanDecision.DENY: "bad",
    PlanDecision.WARN: "warn",
    PlanDecision.UNKNOWN: "warn",
    PlanDecision.ALLOW: "muted",
}


def verdict_line(verdict: PlannedVerdict) -> Line:
    """Return what safety or a policy says of a step, of one of a group, or of the launch."""
    _, separator, inner = (verdict.task_id or "").partition(SEPARATOR)
    return [
        ("launch " if verdict.task_id is None else "    ", "text"),
        *([(f"{clean_line(inner)}  ", "text")] if separator else []),
        decision_span(verdict),
        (clean_line(verdict.message or ""), "muted"),
    ]


def decision_span(verdict: PlannedVerdict) -> tuple[str, StyleName]:
    """Return in a word what would become of it, with the space behind it."""
    return f"{decision_word(verdict)}  ", _STYLES[verdict.decision]


def plan_lines(preview: Preview, verdicts: Sequence[PlannedVerdict] = ()) -> list[Line]:
    """Return the findings, then every step with its type, timeout and dependencies.

    Where a rule of safety or of a policy has something to say of it, that is said below.
    """
    told: dict[str | None, list[Line]] = {}
    for one in verdicts:
        if one.rule is not None:  # that on a step of a group stands below the group
            name = None if one.task_id is None else one.task_id.partition(SEPARATOR)[0]
            told.setdefault(name, []).append(verdict_line(one))
    lines = finding_lines(preview.findings)
    mission = preview.mission
    if mission is None:
        return lines
    if None in told:
        lines += told[None]
    lines += [secret_line(one) for one in preview.secrets if one.problem or not one.is_masked]
    lines += [
        [("requires ", "muted"), (clean_line(precondition_line(one)), "text")]
        for one in mission.preconditions
    ]
    if lines:
        lines.append([("", "")])
    width = len(str(len(mission.steps)))
    for number, step in enumerate(mission.steps[:MAX_SHOWN_STEPS], 1):
        after = ""
        if step.depends_on:
            named = ", ".join(clean_line(name) for name in step.depends_on[:4])
            more = len(step.depends_on) - 4
            after = f"  after {named}" + (f" and {more} more" if more > 0 else "")
        limits = f"  at most {duration_text(step.timeout_seconds)}" if step.timeout_seconds else ""
        reads = ", ".join(clean_line(name) for name in step.secret_names)
        reads = f"  reads {reads}" if reads else ""
        lines.append(
            [
                (f"{number:>{width}} ", "faint"),
                (f"{clean_line(step.id)}  ", "text"),
                (f"{clean_line(step.step_type)}{limits}{after}{reads}", "muted"),
            ]
        )
        if step.id in told:
            lines += told[step.id]
    if len(mission.steps) > MAX_SHOWN_STEPS:
        lines.append([(f"… {counted(len(mission.steps) - MAX_SHOWN_STEPS, 'more step')}", "faint")])
    handlers = [step.id for step in mission.handlers.all if step.id in told]
    for name in handlers:
        lines += [[(f"handler {clean_line(name)}", "text")], *told[name]]
    return lines
