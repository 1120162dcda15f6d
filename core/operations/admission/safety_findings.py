"""What safety refuses of a mission that has not run, with the places in its file."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from core.domain.mission import Mission, MissionStep
from core.engine.gated_attempt import only_scripts, preconditions_step
from core.launch.order import Order
from core.mission_file.finding.code import Code
from core.mission_file.finding.diagnostic import Diagnostic, Severity
from core.mission_file.finding.problem import Path
from core.mission_file.inner_mission import GROUP
from core.mission_file.step_place import first_places, step_paths
from core.operations.admission.group_order import inner_name, order_of_group
from core.operations.admission.planned_verdicts import PlannedRequests
from core.operations.admission.safety_filter import runs_process
from core.security.attempt_request import AttemptRequest, requests_of
from core.security.safety.finding import Finding
from core.security.safety.safety_gate import SafetyGate


class SafetyFinding(Struct, frozen=True, kw_only=True):
    """A step that safety would refuse; line and column count from 1, 0 where the place is unknown.

    `sentence` says what was found, `allow` what would allow it.
    """

    task_id: str
    rule: str
    sentence: str
    allow: str
    line: int
    column: int
    diagnostic: Diagnostic


class _Refused(Struct, frozen=True):
    """What is refused of a step: its name for people, its path in the file, and what was found."""

    task_id: str
    path: Path
    finding: Finding
    is_condition: bool


def safety_findings(
    gate: SafetyGate, order: Order, params: Mapping[str, Any], environ: Mapping[str, str]
) -> list[SafetyFinding]:
    """Return what is refused of an ordered run, in file order, as far as values are known.

    A step of a group is named by the group, too: `GROUP/STEP`.
    """
    refused = list(_refused(gate, order, params, environ))
    return _located(order, refused) if refused else []


def _refused(
    gate: SafetyGate, order: Order, params: Mapping[str, Any], environ: Mapping[str, str]
) -> Iterator[_Refused]:
    """Yield what is refused of the steps of a mission, and of those of its groups."""
    mission = order.mission
    steps = [step for step in mission.all_steps if _may_be_refused(mission, step)]
    if not steps and not mission.preconditions:
        return
    planned = PlannedRequests(order, params, environ)
    if mission.preconditions:
        check = preconditions_step(mission)
        for script in only_scripts(planned.request(check)[0]):
            for found in _refusals(gate, script):
                yield _Refused(check.id, (), found, is_condition=True)
    paths = step_paths(mission)
    for step in steps:
        path = paths.get(step.id, ())
        own, *others = requests_of(planned.request(step)[0])
        for found in _refusals(gate, own):
            yield _Refused(step.id, path, found, is_condition=False)
        for script in others[: len(own.conditions)]:
            for found in _refusals(gate, script):
                yield _Refused(step.id, path, found, is_condition=True)
        inner = order_of_group(order, step)
        if inner is not None:
            for one in _refused(gate, inner, {}, environ):
                name = inner_name(step, one.task_id)
                yield replace(one, task_id=name, path=(*path, *one.path))


def _refusals(gate: SafetyGate, request: AttemptRequest) -> list[Finding]:
    return [found for found in gate.findings(request) if found.id not in gate.allowed]


def _may_be_refused(mission: Mission, step: MissionStep) -> bool:
    """Tell whether a step has to be looked at."""
    return bool(
        runs_process(step)
        or step.env
        or step.secrets
        or step.secret_files
        or step.preconditions
        or mission.env
        or step.step_type == GROUP
    )


def _located(order: Order, refused: Sequence[_Refused]) -> list[SafetyFinding]:
    candidates = [
        _candidates(one.path, one.finding, is_condition=one.is_condition) for one in refused
    ]
    places = first_places(order.source, candidates)
    found: list[SafetyFinding] = []
    seen: set[tuple[str, int, int]] = set()
    for one, place in zip(refused, places, strict=True):
        finding = one.finding
        line, column = (0, 0) if place is None else (place.line, place.column)
        if line and (finding.sentence, line, column) in seen:
            continue  # the mission's own `env`, which is that of every step
        seen.add((finding.sentence, line, column))
        diagnostic = Diagnostic(
            severity=Severity.ERROR,
            code=Code.REFUSED,
            message=f"{one.task_id}: refused by {finding.id}: {finding.sentence}",
            file=order.source.name,
            line=line,
            column=column,
            hint=finding.allow,
            source_line=None if place is None else place.source_line,
            caret=0 if place is None else place.caret,
            length=1 if place is None else place.length,
        )
        found.append(
            SafetyFinding(
                task_id=one.task_id,
                rule=finding.id,
                sentence=finding.sentence,
                allow=finding.allow,
                line=line,
                column=column,
                diagnostic=diagnostic,
            )
        )
    return found


def _candidates(step: Path, finding: Finding, *, is_condition: bool) -> tuple[Path, ...]:
    """Return the paths that may say what was found, the most telling first."""
    name = finding.variable
    if name is not None:
        variables = ((*step, key, name) for key in ("env", "secret_files"))
        return (*variables, ("env", name), step)
    if is_condition:
        return ((*step, "preconditions"), (*step, "ready", "run"), step)
    parameters = (*step, "parameters")
    return (
        *((*parameters, key) for key in ("script", "command")),
        *((*step, key) for key in ("run", "script", "command")),
        parameters,
        step,
    )
