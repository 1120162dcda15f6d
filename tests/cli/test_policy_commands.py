"""`mission policy` and the verdicts of a plan: what would be refused is told before a run."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.policy_world import FORBID, PolicyWorld


@pytest.fixture
def world(tmp_path: Path) -> PolicyWorld:
    return PolicyWorld(tmp_path)


def test_without_policies_there_is_nothing_to_show(world: PolicyWorld) -> None:
    shown = world("policy", "show")
    assert (shown.code, shown.out) == (0, "")
    assert "no policies" in shown.err
    assert world("policy", "show", "--json").json["rules"] == []


def test_the_policies_in_force_are_shown_with_their_places(world: PolicyWorld) -> None:
    world.forbid("attempt", rule="no-curl")
    world.policy("", "typo.ceder")
    shown = world("policy", "show").out
    assert "home layer, enforced" in shown
    assert "forbid  x.cedar:1  no-curl" in shown
    assert "not read: typo.ceder" in shown
    found = world("policy", "show", "--json").json
    assert [(one["id"], one["layer"], one["line"]) for one in found["rules"]] == [
        ("no-curl", "home", 1)
    ]
    assert found["mode"] == {"system": "enforce", "home": "enforce", "project": "enforce"}
    assert [Path(one["path"]).name for one in found["files"]] == ["x.cedar"]
    (world.home / "config.toml").write_text('[policy]\nmode = "warn"\n')
    assert "home layer, only warns" in world("policy", "show").out


def test_a_policy_that_cannot_be_used_is_told(world: PolicyWorld) -> None:
    world.policy("forbid(principal, action);")
    shown = world("policy", "show")
    assert shown.code == 5
    assert "x.cedar:1: " in shown.err


def test_the_schema_is_printed_and_is_the_one_that_is_used(world: PolicyWorld) -> None:
    shown = world("policy", "show", "--schema").out
    for action in ("launch", "attempt", "read_secret", "approve", "retry", "cancel"):
        assert f"action {action} appliesTo" in shown


def test_a_plan_tells_what_would_be_refused_as_far_as_it_is_known(world: PolicyWorld) -> None:
    world.forbid("attempt", 'context.command like "touch *" || context.command like "cat *"')

    def command(step: str, *words: str) -> dict[str, Any]:
        parameters = {"command": words[0], "args": list(words[1:])}
        return {"id": step, "step_type": "command", "parameters": parameters}

    file = world.file(
        world.touch(),
        command("harmless", "echo", "a"),
        command("given", "{{ params.program }}", "x"),
        {
            **command("later", "cat", "{{ steps.harmless.output.stdout }}"),
            "depends_on": ["harmless"],
        },
        params={"program": {"default": "cat"}},
    )
    planned = world("plan", file, "--json")
    assert planned.code == 5
    found = {one["task_id"]: (one["decision"], one["rule"]) for one in planned.json["verdicts"]}
    assert found == {
        "touch": ("deny", "no"),
        "harmless": ("allow", None),
        "given": ("deny", "no"),
        "later": ("unknown", "no"),
    }
    assert "touch  refused: the policy `no`" in world("plan", file).out
    assert world("run", "--dry-run", file).code == 5
    assert world("plan", file, "-p", "program=echo", "--json").json["verdicts"][2] == {
        "task_id": "given", "decision": "allow", "rule": None, "message": None
    }  # fmt: skip
    assert not world.mark.exists()
    world.forbid("launch")
    verdicts = world("plan", file, "--json").json["verdicts"]
    assert (verdicts[0]["task_id"], verdicts[0]["decision"]) == (None, "deny")


def test_a_plan_without_a_usable_policy_is_an_error(world: PolicyWorld) -> None:
    world.policy("forbid(")
    assert world("plan", world.file()).code == 5


def test_a_mission_is_tested_step_by_step(world: PolicyWorld) -> None:
    world.forbid("attempt", 'context.step == "touch"')
    tested = world("policy", "test", world.file({"id": "first"}, world.touch()))
    assert tested.code == 5
    lines = tested.out.splitlines()
    assert lines[0].strip() == "first  allowed"
    assert lines[1].strip().startswith("touch  refused: the policy `no`")
    assert world("policy", "test", world.file({"id": "first"})).code == 0


def request(world: PolicyWorld, **fields: Any) -> Path:
    path = world.folder / "request.json"
    path.write_text(json.dumps(fields))
    return path


def test_a_request_is_tested_for_any_user(world: PolicyWorld) -> None:
    world.policy(
        f'@id("ops") {FORBID.format("launch")} when {{ resource.name like "prod-*" }}'
        ' unless { principal in Group::"ops" };'
    )
    asked = {"action": "launch", "mission": "prod-api", "user": "ann@box"}
    denied = world("policy", "test", request(world, **asked), "--json")
    assert (denied.code, denied.json["rules"]) == (5, ["ops"])
    allowed = world("policy", "test", request(world, **asked, groups=["ops"]), "--json")
    assert (allowed.code, allowed.json["decision"]) == (0, "allow")


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"action": "lunch"}, "the action is one of"),
        ({"action": "launch", "contxt": {}}, "did you mean `context`?"),
        ({"action": "attempt", "context": {"comand": "x"}}, "did you mean `command`?"),
        ({"action": "attempt", "context": []}, "`context` an object"),
        ({"action": "attempt", "user": "ann"}, "NAME@HOST"),
        ({"action": "attempt", "groups": ["ops"]}, "missing"),
        ({"action": ["attempt"]}, "the action is one of"),
    ],
)
def test_a_request_that_is_wrong_is_a_clear_error(
    world: PolicyWorld, fields: dict[str, Any], told: str
) -> None:
    tested = world("policy", "test", request(world, **fields))
    assert tested.code == 2
    assert told in tested.err


def test_a_context_of_the_wrong_type_is_denied(world: PolicyWorld) -> None:
    world.forbid("cancel")
    path = request(world, action="attempt", context={"port": "eighty"})
    denied = world("policy", "test", path, "--json")
    assert (denied.code, denied.json["rules"]) == (5, ["policy.error"])


def test_what_was_said_of_a_step_is_explained_and_what_would_be_said_today(
    world: PolicyWorld,
) -> None:
    world.forbid("attempt")
    assert world("run", world.file()).code == 5
    told = world("policy", "explain", "@last", "touch")
    assert "denied then: the policy `no`" in told.out
    assert "today: refused" in told.out
    world.forbid("attempt", "false")
    told = world("policy", "explain", "@last", "touch")
    assert "changed since: " in told.out
    assert "today: allowed" in told.out
    found = world("policy", "explain", "@last", "touch", "--json").json
    assert found["recorded"][0]["rule"] == "no"
    assert found["now"]["decision"] == "allow"
    [policy] = found["policies"]
    assert policy["then"] != policy["now"]
    assert world("policy", "explain", "@last", "none").code == 4


def test_the_doctor_names_policies_that_stop_everything(world: PolicyWorld) -> None:
    def checks() -> list[tuple[str, str]]:
        found = world("doctor", "--json").json["checks"]
        return [(one["status"], one["told"]) for one in found if one["name"] == "policies"]

    assert checks() == [("ok", "there are none")]
    world.forbid("attempt")
    assert checks() == [("ok", "1 rule in 1 file")]
    typo = world.policy("", "typo.ceder")
    assert checks()[0] == ("warning", f"{typo} is not read: only *.cedar files are")
    world.policy("forbid(")
    [(status, told)] = checks()
    assert (status, "x.cedar:1" in told) == ("problem", True)
    assert world("doctor").code == 9
