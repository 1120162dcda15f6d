"""Rules that want a failure are warned of where the first failure stops the mission."""

import pytest

from core.mission_file.finding.code import Code
from core.mission_file.load import load_mission

HEAD = 'version: "1.0"\nname: m\n'


def warned(steps: str, top: str = "") -> list[str]:
    loaded = load_mission(f"{HEAD}{top}steps: [{steps}]\n")
    assert loaded.ok
    return [one.message for one in loaded.diagnostics if one.code is Code.STOPPED_BEFORE]


@pytest.mark.parametrize("rule", ["all_done", "one_failed", "all_failed"])
def test_a_step_that_is_to_run_after_a_failure_is_warned_of(rule: str) -> None:
    after = f"{{id: b, depends_on: a, trigger_rule: {rule}, run: x}}"

    assert warned(f"{{id: a, run: x}}, {after}") == [
        "`b` does not run after a failure: the first one stops the mission"
    ]
    assert warned(f"{{id: g, steps: [{{id: a, run: x}}, {after}]}}") != []
    assert warned(f"{{id: a, run: x}}, {after}", "config: {fail_fast: false}\n") == []
    assert warned(f"{{id: a, run: x, continue_on_error: true}}, {after}") == []


def test_one_tolerated_failure_is_enough_for_one_failed_alone() -> None:
    before = "{id: a, run: x, continue_on_error: true}, {id: b, run: x}"
    after = "{{id: c, depends_on: [a, b], trigger_rule: {}, run: x}}"

    assert warned(f"{before}, {after.format('one_failed')}") == []
    assert warned(f"{before}, {after.format('all_done')}") != []


@pytest.mark.parametrize("rule", ["none_failed", "one_success", "one_done", "always"])
def test_other_rules_are_not_warned_of(rule: str) -> None:
    assert (
        warned(f"{{id: a, run: x}}, {{id: b, depends_on: a, trigger_rule: {rule}, run: x}}") == []
    )
