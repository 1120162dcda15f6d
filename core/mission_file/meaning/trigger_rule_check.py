"""Warns of trigger rules that want a failure where the first failure stops the mission."""

from core.domain.mission import MissionStep, TriggerRule
from core.graph.dag import Neighbours
from core.mission_file.finding.code import Code
from core.mission_file.finding.problem import Problems
from core.mission_file.finding.value_check import INVALID
from core.mission_file.keys.top_level import Draft

AFTER_FAILURES = frozenset({TriggerRule.ALL_DONE, TriggerRule.ALL_FAILED, TriggerRule.ONE_FAILED})
"""The rules that let a step run after a failure."""

_HINT = (
    "write `config: {fail_fast: false}`, or `continue_on_error: true` in the steps before it;"
    " work for the end of a mission is under `handlers`"
)


def check_trigger_rules(draft: Draft, upstream: Neighbours, problems: Problems) -> None:
    """Warn of each step that is to run after a failure which `fail_fast` answers by skipping it.

    The failure of a step with `continue_on_error` stops nothing.
    """
    config = draft.fields.get("config")
    if config is INVALID or (config is not None and not config.fail_fast):
        return
    for index, step in enumerate(draft.steps):
        if step is None or step.trigger_rule not in AFTER_FAILURES:
            continue
        before = [draft.steps[needed] for needed in upstream[index]]
        if not _is_pointless(step.trigger_rule, before):
            continue
        problems.warn(
            Code.STOPPED_BEFORE,
            f"`{step.id}` does not run after a failure: the first one stops the mission",
            ("steps", index, "trigger_rule"),
            hint=_HINT,
        )


def _is_pointless(rule: TriggerRule, before: list[MissionStep | None]) -> bool:
    """Tell whether no failure that the rule wants leaves the mission running."""
    if not before or None in before:
        return False
    tolerant = [step.continue_on_error for step in before if step is not None]
    return not (any(tolerant) if rule is TriggerRule.ONE_FAILED else all(tolerant))
