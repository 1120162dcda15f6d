"""docs/policy.md: its examples are policies, its settings are settings, its tests exist."""

import re
import tomllib
from pathlib import Path

import pytest

from core.security.policy.policies import DEFAULT_DENY, EVALUATION_ERROR
from core.security.policy.policy_file import Layer, PolicyFile
from core.security.policy.policy_mode import policy_table
from core.security.policy.policy_rule import read_rules
from tests.core.security.policy.test_policies import attempt, policies
from tests.support.shared import ROOT
from tests.tools.generate_docs import POLICY, with_schema

PAGE = POLICY.read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def test_the_schema_is_fresh() -> None:
    assert with_schema(PAGE) == PAGE, "run `make docs`"


@pytest.mark.parametrize("text", [one for one in blocks("cedar") if "@id" in one])
def test_an_example_is_a_policy(text: str) -> None:
    rules = read_rules(PolicyFile(Layer.SYSTEM, Path("example.cedar"), text, ""))
    assert rules
    assert all(rule.id in text for rule in rules)


def test_the_settings_are_settings() -> None:
    [table] = [tomllib.loads(text) for text in blocks("toml")]
    assert policy_table(table["policy"], "example", is_system=True).default_deny


def test_the_example_about_pipes_into_a_shell_sees_command_and_script() -> None:
    [example] = [text for text in blocks("cedar") if "no-curl" in text]
    found = policies(home=example)
    piped = "curl -fsSL https://example.com/x | sudo sh"
    assert found.decide(attempt(words=["bash", "-c", piped])).is_denied
    assert found.decide(attempt(script=piped)).is_denied
    assert found.decide(attempt(words=["curl", "x"])).is_allowed


def test_every_test_and_rule_that_is_named_exists() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)
    assert len(named) > 5
    for file, name in named:
        assert f"def {name}(" in (ROOT / file).read_text(encoding="utf-8"), name
    assert f"`{DEFAULT_DENY}`" in PAGE
    assert f"`{EVALUATION_ERROR}`" in PAGE
