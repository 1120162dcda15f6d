"""What safety and the policies say of a mission before it runs, as far as its values are known."""

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from core.domain.mission import Mission, MissionStep
from core.domain.reasons import Reason
from core.engine.gated_attempt import conditions_of, only_scripts, preconditions_step, sources_of
from core.engine.preparation import probes_of
from core.expression.evaluate import (
    ExpressionError,
    Reference,
    TemplateSyntaxError,
    has_template,
    references,
    render,
)
from core.launch.order import Order
from core.machine.environment import ReadableEnvironment, base_environment, exported, value_text
from core.mission_file.keys.param_values import resolve_params
from core.operations.admission.group_order import inner_name, order_of_group
from core.operations.admission.policy_check import folder_of, requests_for
from core.operations.site import Site
from core.output.masker import MASK_TEXT
from core.security.attempt_gate import AttemptGate, ask
from core.security.attempt_request import AttemptRequest
from core.security.env_file import EnvFileError, read_env_files, secrets_of, values_of
from core.security.policy.policies import Policies
from core.step_type.intent import NO_INTENT
from core.step_type.registry import kept_parameters, step_type


class PlanDecision(StrEnum):
    """What would become of an attempt, if nothing changes until then."""

    ALLOW = "allow"
    WARN = "warn"
    """Denied by a policy that only warns."""
    UNKNOWN = "unknown"
    """It depends on values that only the run has; a rule is named that would deny it as written."""
    DENY = "deny"


class PlannedVerdict(Struct, frozen=True, kw_only=True):
    """The verdict on an attempt of a step, or on the launch, which has no step.

    `rule` is the id of the rule that denies, `message` says why.
    """

    task_id: str | None
    decision: PlanDecision
    rule: str | None = None
    message: str | None = None


def known_values(
    mission: Mission, given: Mapping[str, Any], *, lenient: bool = True
) -> dict[str, Any]:
    """Return the values of inputs by name; with `lenient` those that are missing are None.

    Raises `UsageError` for inputs that the mission does not have and values that do not fit.
    """
    if lenient:
        optional = tuple(replace(one, required=False) for one in mission.params)
        mission = replace(mission, params=optional)
    return resolve_params(mission, given)


def planned_verdicts(site: Site, order: Order, params: Mapping[str, Any]) -> list[PlannedVerdict]:
    """Return the verdicts on the launch and on each step and handler that would run, in file order.

    `params` are the resolved inputs; those that are secret, or required and None, are not known.
    Raises what `Site.policies` and `Site.new_gate` raise for rules that cannot be used.
    """
    policies = site.policies(folder_of(order.source_path, order.working_dir))
    gate = site.new_gate(policies)
    planned = PlannedRequests(order, params, site.environ)
    return [
        *_of_launch(policies, order),
        *_of_preconditions(gate, order.mission, planned),
        *_of_steps(gate, order, planned, site.environ),
    ]


def verdict_on_recorded(
    site: Site, order: Order, step: MissionStep, inputs: Mapping[str, Any] | None, attempt: int
) -> PlannedVerdict:
    """Return the verdict of today on an attempt with recorded inputs; without any, on a plan's.

    `order` has the mission and the parameters of the recorded execution.
    """
    gate = site.new_gate(site.policies(folder_of(order.source_path, order.working_dir)))
    request, is_known = PlannedRequests(order, order.params, site.environ).request(step)
    kind = step_type(step.step_type)
    if inputs is not None and kind is not None:
        request = replace(request, intent=kind.intent(inputs), attempt=max(1, attempt))
        is_known = True
    return _verdict(gate, step, request, is_known)


def _of_launch(policies: Policies, order: Order) -> Iterator[PlannedVerdict]:
    """Yield the verdict on the launch where a policy has one."""
    for request in requests_for(order):
        verdict = policies.decide(request)
        if not verdict.is_allowed:
            yield PlannedVerdict(
                task_id=None,
                decision=PlanDecision.DENY if verdict.is_denied else PlanDecision.WARN,
                rule=verdict.rules[0],
                message=f"{request.action}: {verdict.sentence}",
            )


def _of_preconditions(
    gate: AttemptGate, mission: Mission, planned: "PlannedRequests"
) -> Iterator[PlannedVerdict]:
    """Yield the verdict on the first script among the preconditions that has one."""
    if not mission.preconditions:
        return
    step = preconditions_step(mission)
    request, is_known = planned.request(step)
    for script in only_scripts(request):
        verdict = _verdict(gate, step, script, is_known)
        if verdict.rule is not None:
            yield verdict
            return


def _of_steps(
    gate: AttemptGate, order: Order, planned: "PlannedRequests", environ: Mapping[str, str]
) -> Iterator[PlannedVerdict]:
    """Yield the verdict on each step that would run, and those on the steps of a group behind it.

    Of a step of a group only a verdict that names a rule is told, as that on `GROUP/STEP`.
    """
    left_out = order.unselected | order.reuse.keys() | order.set_by_hand
    for step in order.mission.all_steps:
        if step.id in left_out:
            continue
        yield _verdict(gate, step, *planned.request(step))
        inner = order_of_group(order, step)
        if inner is None:
            continue
        for one in _of_steps(gate, inner, PlannedRequests(inner, {}, environ), environ):
            if one.rule is not None:
                yield replace(one, task_id=inner_name(step, one.task_id or ""))


def _verdict(
    gate: AttemptGate, step: MissionStep, request: AttemptRequest, is_known: bool
) -> PlannedVerdict:
    answer = ask(gate, request)
    if answer.refusal is not None:
        refusal = answer.refusal
        # What safety finds is there whatever the rest will be; a policy may ask for the rest.
        is_certain = is_known or refusal.reason_code is Reason.SECURITY_VIOLATION
        return PlannedVerdict(
            task_id=step.id,
            decision=PlanDecision.DENY if is_certain else PlanDecision.UNKNOWN,
            rule=None if refusal.error is None else refusal.error.kind,
            message=refusal.message,
        )
    if answer.warnings:
        facts = answer.warnings[0]
        return PlannedVerdict(
            task_id=step.id,
            decision=PlanDecision.WARN,
            rule=str(facts.get("rule")),
            message=str(facts.get("message")),
        )
    decision = PlanDecision.ALLOW if is_known else PlanDecision.UNKNOWN
    return PlannedVerdict(task_id=step.id, decision=decision)


class PlannedRequests:
    """Makes requests from a mission file: texts with templates that need a run stay as they are."""

    def __init__(self, order: Order, params: Mapping[str, Any], environ: Mapping[str, str]) -> None:
        self._order = order
        known = {
            param.name: params[param.name]
            for param in order.mission.params
            if not param.secret
            and not (param.required and params.get(param.name) is None)
            and param.name in params
        }
        self._environ = environ
        self._folder = folder_of(order.source_path, order.working_dir)
        self._file_values, self._are_files_known = self._read(order.mission.env_files)
        self._scope: dict[str, Any] = {
            "params": known,
            "env": ReadableEnvironment({**environ, **self._file_values}),
        }

    def _read(self, names: Sequence[str]) -> tuple[dict[str, str], bool]:
        """Return the variables of environment files, secrets masked, and whether all are there.

        One that is missing may be written by an earlier step.
        """
        found: dict[str, str] = {}
        for name in names:
            try:
                files = read_env_files(self._folder, (name,))
            except EnvFileError:
                return found, False
            found |= {**values_of(files), **dict.fromkeys(secrets_of(files), MASK_TEXT)}
        return found, True

    def request(self, step: MissionStep) -> tuple[AttemptRequest, bool]:
        """Return what a step would attempt, and whether all of it is known."""
        order = self._order
        masks = dict.fromkeys(step.secret_names, MASK_TEXT)
        values = _Values({**self._scope, "secrets": masks})
        expressions = kept_parameters(step.step_type)
        parameters = values.each(
            {key: value for key, value in step.parameters.items() if key not in expressions}
        )
        own_files, are_known = self._read(step.env_files)
        env = {
            name: value_text(value)
            for given in (self._file_values, order.mission.env, own_files, step.env)
            for name, value in values.each(given).items()
        }
        folder = str(values.rendered(step.working_dir or "."))
        kind = step_type(step.step_type)
        request = AttemptRequest(
            mission_name=order.mission.name,
            mission_sha256=order.source.digest,
            step_id=step.id,
            task_id=step.id,
            step_type=step.step_type,
            intent=NO_INTENT if kind is None else kind.intent(parameters),
            working_dir=str(Path(order.working_dir) / folder),
            env=env,
            secrets=step.secret_names,
            sources=sources_of(order.mission, step),
            secret_variables=(*step.secrets, *step.secret_files),
            environ=lambda: self._process_environment(env),
            conditions=conditions_of(step, None if step.ready is None else probes_of(step.ready)),
        )
        return request, values.are_known and are_known and self._are_files_known

    def _process_environment(self, env: Mapping[str, Any]) -> Mapping[str, str]:
        """Return what is known of a process's environment."""
        values, _ = exported(self._scope)
        return {**values, **base_environment(self._environ, env, "")}


class _Values:
    """Renders what is known, and notes whether all was."""

    def __init__(self, scope: Mapping[str, Any]) -> None:
        self._scope = scope
        self.are_known = True

    def each(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return a mapping with its values rendered."""
        return {name: self.rendered(value) for name, value in values.items()}

    def rendered(self, value: Any) -> Any:
        """Return a value with the templates rendered that need no run; others stay."""
        if isinstance(value, Mapping):
            return self.each(value)
        if isinstance(value, list | tuple):
            return [self.rendered(one) for one in value]
        if not isinstance(value, str) or not has_template(value):
            return value
        try:
            if all(self._has(reference) for reference in references(value)):
                return render(value, self._scope)
        except (ExpressionError, TemplateSyntaxError):
            pass  # it fails before the attempt begins
        self.are_known = False
        return value

    def _has(self, reference: Reference) -> bool:
        root, *names = reference
        return root in self._scope and (not names or names[0] in self._scope[root])
