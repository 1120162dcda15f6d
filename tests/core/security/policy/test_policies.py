"""What policies decide: never more than is permitted, and nothing that cannot be decided."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import UsageError
from core.machine.os_user import OsUser, os_user
from core.security.policy import policy_request
from core.security.policy.policies import (
    ALLOW,
    DEFAULT_DENY,
    EVALUATION_ERROR,
    NO_POLICIES,
    Decision,
    Policies,
)
from core.security.policy.policy_file import FolderContent, Layer, PolicyFile, PolicyFolder
from core.security.policy.policy_mode import NO_SETTINGS, PolicySettings, policy_table
from core.security.policy.policy_request import PolicyRequest, attempt_request
from core.security.policy.policy_rule import schema_text

ANN = OsUser("ann", "box", ("ops", "staff"))
PERMIT = "permit(principal, action, resource);"
DENY = 'permit(principal, action == Action::"cancel", resource);'
OVERFLOW = "context.port * 9223372036854775807 > 0"


def settings(**tables: dict[str, Any]) -> PolicySettings:
    return PolicySettings(
        **{
            name: policy_table(table, name, is_system=name == "system")
            for name, table in tables.items()
        }
    )


def policies(settings: PolicySettings = NO_SETTINGS, **texts: str) -> Policies:
    """Return policies of the layers `system`, `home` and `project`."""
    contents = []
    for name, text in texts.items():
        layer, folder = Layer(name), Path("/") / name
        file = PolicyFile(layer, folder / "x.cedar", text, "0" * 64)
        contents.append(FolderContent(PolicyFolder(layer, folder), (file,), ()))
    return Policies(contents, settings, ANN)


def attempt(**fields: Any) -> PolicyRequest:
    known = {"mission_sha256": "0", "step": "build", "step_type": "command", "port": 80}
    return attempt_request(**{"mission": "deploy", **known, **fields})


def forbid(condition: str, rule: str = "no", action: str = "attempt") -> str:
    head = f'@id("{rule}") forbid(principal, action == Action::"{action}", resource)'
    return f"{head} when {{ {condition} }};"


def test_without_policies_everything_is_allowed_and_cedar_is_not_asked() -> None:
    assert NO_POLICIES.is_empty
    assert NO_POLICIES.decide(attempt()) is ALLOW
    assert NO_POLICIES.hashes == {}


def test_a_file_of_forbids_forbids_just_that() -> None:
    found = policies(home=forbid('context.command like "curl *"'))
    assert found.decide(attempt(words=["make"])) is ALLOW
    denied = found.decide(attempt(words=["curl", "x"]))
    assert denied.is_denied
    assert denied.rules == ("no",)
    assert denied.places == ("/home/x.cedar:1",)
    assert denied.sentence == "the policy `no` (/home/x.cedar:1) forbids it"
    assert found.hashes == {"/home/x.cedar": "0" * 64}


def test_all_that_forbid_are_named() -> None:
    found = policies(home=forbid("true", "a") + forbid("true", "b"), project=forbid("true", "c"))
    assert set(found.decide(attempt()).rules) == {"a", "b", "c"}


def test_a_forbid_whose_condition_fails_denies_although_a_permit_would_allow() -> None:
    denied = policies(system=PERMIT + forbid(OVERFLOW)).decide(attempt())
    assert denied.is_denied
    assert denied.rules == (EVALUATION_ERROR, "no")
    assert "overflow" in denied.sentence
    assert "/system/x.cedar:1" in denied.sentence


def test_a_permit_whose_condition_fails_denies_too() -> None:
    text = f'permit(principal, action == Action::"attempt", resource) when {{ {OVERFLOW} }};'
    assert policies(system=text).decide(attempt()).is_denied


def test_a_request_that_does_not_fit_the_schema_is_denied() -> None:
    found = policies(home=forbid("false"))
    wrong = PolicyRequest("attempt", "deploy", {**attempt().context, "more": "x"})
    assert found.decide(wrong).rules == (EVALUATION_ERROR,)
    assert found.decide(PolicyRequest("launch", "deploy", {})).is_denied
    assert found.decide(PolicyRequest("sleep", "deploy", {})).is_denied


def test_default_deny_denies_what_no_policy_permits() -> None:
    strict = settings(system={"default_deny": True})
    assert policies(strict).decide(attempt()).rules == (DEFAULT_DENY,)
    assert policies(strict, system=DENY).decide(attempt()).is_denied
    permits = policies(strict, system='permit(principal in Group::"ops", action, resource);')
    assert permits.decide(attempt()) is ALLOW
    assert policies(strict, system=PERMIT, home=forbid("true")).decide(attempt()).rules == ("no",)


def test_warnings_let_go_and_say_what_would_be_denied() -> None:
    warned = policies(settings(home={"mode": "warn"}), home=forbid("true")).decide(attempt())
    assert warned.decision is Decision.WARN
    assert not warned.is_denied
    assert warned.rules == ("no",)


@pytest.mark.parametrize(
    ("system", "home", "layer", "expected"),
    [
        ({}, {}, "system", Decision.DENY),
        ({}, {"mode": "warn"}, "system", Decision.DENY),
        ({}, {"mode": "warn"}, "home", Decision.WARN),
        ({}, {"mode": "warn"}, "project", Decision.WARN),
        ({"mode": "enforce"}, {"mode": "warn"}, "home", Decision.DENY),
        ({"mode": "warn"}, {}, "system", Decision.WARN),
        ({"mode": "warn"}, {"mode": "enforce"}, "project", Decision.WARN),
    ],
)
def test_the_mode_of_the_machine_wins_and_no_lower_one_loosens_it(
    system: dict[str, Any], home: dict[str, Any], layer: str, expected: Decision
) -> None:
    found = policies(settings(system=system, home=home), **{layer: forbid("true")})
    assert found.decide(attempt()).decision is expected


def test_what_is_enforced_denies_beside_what_only_warns() -> None:
    both = policies(
        settings(home={"mode": "warn"}), system=forbid("true", "hard"), home=forbid("true", "soft")
    )
    assert both.decide(attempt()).rules == ("hard",)


def test_a_default_deny_that_only_warns_lets_go() -> None:
    found = policies(settings(system={"default_deny": True, "mode": "warn"}))
    assert found.decide(attempt()).decision is Decision.WARN


def test_the_user_is_asked_for_with_groups_and_the_mission_with_its_name() -> None:
    for condition, decision in [
        ('principal == User::"ann@box"', Decision.DENY),
        ('principal in Group::"ops"', Decision.DENY),
        ('principal in Group::"wheel"', Decision.ALLOW),
        ('principal.name == "ann" && principal.host == "box"', Decision.DENY),
        ('resource == Mission::"deploy"', Decision.DENY),
        ('resource.name like "dep*"', Decision.DENY),
    ]:
        assert policies(home=forbid(condition)).decide(attempt()).decision is decision, condition


def test_the_user_is_the_one_of_the_operating_system(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("USER", "LOGNAME", "MISSION_ACTOR"):
        monkeypatch.setenv(name, "somebody-else")
    found = os_user()
    assert "somebody-else" not in found.full_name
    assert found.groups


@pytest.mark.parametrize(
    "condition",
    [
        'context.step == "build" && context.step_type == "command" && context.attempt == 3',
        'context.program == "/usr/bin/curl"',
        'context.command == "curl -s x" && context.args.contains("-s")',
        'context.script like "*evil*" && context.stdin like "*in*"',
        'context.host == "h" && context.port == 443 && context.method == "PUT"',
        'context.path like "/a/*" && context.writes.contains("/etc/x")',
        'context.env.contains("PATH") && context.secrets.contains("TOKEN")',
        'context.safety.contains("safety.rm-root") && context.mission_sha256 == "0"',
    ],
)
def test_every_field_of_an_attempt_can_be_asked_for(condition: str) -> None:
    asked = attempt(
        attempt=3,
        program="/usr/bin/curl",
        words=["curl", "-s", "x"],
        script="do evil",
        stdin="in",
        host="h",
        port=443,
        method="PUT",
        path="/a/b",
        writes=["/etc/x"],
        env=["PATH"],
        secrets=["TOKEN"],
        safety=["safety.rm-root"],
    )
    found = policies(home=forbid(condition))
    assert found.decide(asked).is_denied
    assert found.decide(attempt(port=None)) is ALLOW


@pytest.mark.parametrize(
    ("request_", "condition"),
    [
        (
            policy_request.launch_request("m", mission_sha256="0", file="/f", kind="retry"),
            'context.file == "/f" && context.kind == "retry" && !context.secrets.contains("A")',
        ),
        (
            policy_request.secret_request(
                "m", mission_sha256="0", secret="A", step="s", step_type="command"
            ),
            'context.secret == "A" && context.step == "s" && context.attempt == 1',
        ),
        (
            policy_request.answer_request("m", mission_sha256="0", step="s", answer="reject"),
            'context.answer == "reject" && context.step == "s"',
        ),
        (
            policy_request.retry_request("m", mission_sha256="0", steps=["s"]),
            'context.steps == ["s"]',
        ),
        (policy_request.cancel_request("m", mission_sha256="0"), 'context.step == ""'),
    ],
    ids=lambda value: value.action if isinstance(value, PolicyRequest) else "",
)
def test_every_other_action_can_be_forbidden(request_: PolicyRequest, condition: str) -> None:
    found = policies(home=forbid(condition, action=request_.action))
    assert found.decide(request_).is_denied
    assert found.decide(attempt()) is ALLOW
    assert f"action {request_.action} " in schema_text()


def test_a_text_that_is_not_utf_8_is_asked_for_as_it_is_shown() -> None:
    found = policies(home=forbid(r'context.command like "cat caf\\xe9*"'))
    assert found.decide(attempt(words=["cat", "caf\udce9"])).is_denied
    assert found.decide(attempt(words=["\ud800"])) is ALLOW


@pytest.mark.parametrize(
    ("table", "is_system"),
    [
        ("warn", True),
        ({"mode": "loose"}, True),
        ({"mode": ["warn"]}, True),
        ({"default_deny": "yes"}, True),
        ({"default_deny": True}, False),
        ({"alow": 1}, False),
    ],
)
def test_a_table_that_is_wrong_is_an_error(table: Any, is_system: bool) -> None:
    with pytest.raises(UsageError):
        policy_table(table, "config.toml", is_system=is_system)


CONDITIONS = st.sampled_from(
    [
        "true",
        "false",
        OVERFLOW,
        "context.port == 80",
        "context.port > 80 && context.port * 9223372036854775807 > 0",
        'context.command like "*curl*"',
        'context.args.contains("x")',
        'principal in Group::"ops"',
        '!(resource == Mission::"deploy")',
    ]
)
FORBIDS = CONDITIONS.map(forbid)
PERMITS = FORBIDS.map(lambda text: text.replace("forbid", "permit", 1))
REQUESTS = st.builds(
    attempt,
    mission=st.sampled_from(["deploy", "test"]),
    words=st.lists(st.sampled_from(["curl", "x", "make"])),
    port=st.sampled_from([None, 1, 80, 443]),
)
ORDER = [Decision.ALLOW, Decision.WARN, Decision.DENY]


@given(
    system=st.lists(PERMITS | FORBIDS, max_size=3),
    home=st.lists(FORBIDS, max_size=2),
    more=FORBIDS,
    layer=st.sampled_from(["system", "home", "project"]),
    strict=st.booleans(),
    mode=st.sampled_from([{}, {"mode": "warn"}]),
    request_=REQUESTS,
)
def test_one_more_forbid_never_allows_more(
    system: list[str],
    home: list[str],
    more: str,
    layer: str,
    strict: bool,
    mode: dict[str, str],
    request_: PolicyRequest,
) -> None:
    tables = settings(system={"default_deny": strict}, home=mode)
    texts = {"system": "".join(system), "home": "".join(home), "project": ""}
    before = policies(tables, **texts).decide(request_)
    after = policies(tables, **{**texts, layer: texts[layer] + more}).decide(request_)
    assert ORDER.index(after.decision) >= ORDER.index(before.decision)
