"""Policies in real runs: what they forbid does not happen, and who forbade it is told."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.http_server import HttpServer, reply
from tests.support.policy_world import FORBID, IS_ROOT, PolicyWorld


@pytest.fixture
def world(tmp_path: Path) -> PolicyWorld:
    return PolicyWorld(tmp_path)


def test_a_forbidden_attempt_halts_the_execution_and_names_the_rule(world: PolicyWorld) -> None:
    world.forbid("attempt", 'context.program like "*/touch" || context.program like "*utils"')
    bad = world.touch(depends_on=["first"], continue_on_error=True, retry={"max_attempts": 3})
    later = {"id": "later", "depends_on": ["touch"], "trigger_rule": "all_done"}
    handler = {**world.touch("handler"), "name": "Handler"}
    file = world.file({"id": "first"}, bad, later, handlers={"on_failure": [handler]})
    ran = world("run", file, "--json")
    assert ran.code == 5
    result = ran.json
    assert (result["state"], result["reason_code"]) == ("FAILED", "POLICY_VIOLATION")
    step = result["step_results"]["touch"]
    assert (step["rule"], step["attempts"]) == ("no", 1)
    assert "the policy `no` (" in step["error"]
    assert result["step_results"]["later"]["state"] == "SKIPPED"
    assert result["step_results"]["handler"]["state"] == "SKIPPED"
    assert not world.mark.exists()
    [violation] = world.events("policy.violation")
    assert (violation["task_id"], violation["rule"]) == ("touch", "no")
    [ended] = [one for one in world.events("attempt.ended") if one["task_id"] == "touch"]
    assert violation["seq"] < ended["seq"]
    assert "`no`" in world("why", "@last", "touch").out
    assert world("audit", "verify").code == 0


def test_what_no_policy_forbids_runs(world: PolicyWorld) -> None:
    world.forbid("attempt", 'context.command like "curl *"')
    assert world("run", world.file()).code == 0
    assert world.mark.exists()


def test_a_plain_run_names_the_rule_on_stderr(world: PolicyWorld) -> None:
    world.forbid("attempt", rule="never")
    ran = world("run", world.file())
    assert ran.code == 5
    assert "the policy `never`" in ran.err


def spoilt(how: str) -> Callable[[Path], object]:
    return {
        "misspelt": lambda path: path.write_text("\nforbit(principal, action, resource);\n"),
        "unfinished": lambda path: path.write_text("forbid(principal, action, resource)"),
        "wrong type": lambda path: path.write_text(
            FORBID.format("attempt") + " when { context.port == true };"
        ),
        "unknown action": lambda path: path.write_text(FORBID.format("atempt") + ";"),
        "permit": lambda path: path.write_text("permit(principal, action, resource);"),
        "template": lambda path: path.write_text(
            "forbid(principal == ?principal, action, resource);"
        ),
        "too deep": lambda path: path.write_text("(" * 100_000),
        "binary": lambda path: path.write_bytes(os.urandom(1000) + b"\xff"),
        "world-writable": lambda path: path.chmod(0o666),
        "group-writable": lambda path: path.chmod(0o664),
        "folder writable": lambda path: path.parent.chmod(0o777),
        "huge": lambda path: path.write_text("/" * 300_000),
        "link": _link,
        "dangling link": _dangling_link,
        "FIFO": _fifo,
        "folder": _folder,
    }[how]


def _link(path: Path) -> None:
    path.rename(path.with_name("real"))
    path.symlink_to("real")


def _dangling_link(path: Path) -> None:
    path.unlink()
    path.symlink_to("nowhere")


def _fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    "how",
    [
        *("misspelt", "unfinished", "wrong type", "unknown action", "permit", "template"),
        *("too deep", "binary", "world-writable", "group-writable", "folder writable", "huge"),
        *("link", "dangling link", "FIFO", "folder"),
    ],
)
def test_with_a_policy_that_cannot_be_used_nothing_starts(world: PolicyWorld, how: str) -> None:
    path = world.policy("// nothing\n")
    spoilt(how)(path)
    for options in ((), ("--detach",)):
        ran = world("run", world.file(), *options)
        assert ran.code == 5, (how, ran)
        assert "error[POLICY_INVALID]" in ran.err
        assert str(path if "folder w" not in how else path.parent) in ran.err
        assert "Traceback" not in ran.err
    assert not world.mark.exists()
    assert world("ls", "--json").code in {0, 4}


def test_a_policy_whose_condition_fails_denies(world: PolicyWorld) -> None:
    world.forbid(
        "attempt",
        "context.attempt * 9223372036854775807 > 1 && context.attempt > 1 ||"
        " (context.attempt + 9223372036854775807) > 0",
    )
    ran = world("run", world.file(), "--json")
    assert ran.code == 5
    assert ran.json["step_results"]["touch"]["rule"] == "policy.error"
    assert not world.mark.exists()


def test_the_policies_of_the_project_forbid_too(world: PolicyWorld) -> None:
    folder = world.folder / ".missiondeck" / "policy.d"
    folder.mkdir(parents=True)
    (folder / "p.cedar").write_text(f'@id("project") {FORBID.format("attempt")};')
    below = world.folder / "a" / "b"
    below.mkdir(parents=True)
    for file in (world.file(), world.file(name="a/b/m.yaml")):
        ran = world("run", file, "--json", cwd=Path("/"))
        assert ran.json["step_results"]["touch"]["rule"] == "project"
    assert not world.mark.exists()


def test_a_forbidden_launch_starts_nothing_and_is_in_the_audit_log(world: PolicyWorld) -> None:
    world.forbid("launch", 'resource.name like "a *" && context.kind == "run"')
    file = world.file()
    for options in ((), ("--detach",)):
        ran = world("run", file, "--json", *options)
        assert (ran.code, ran.json["error"]["code"]) == (5, "POLICY_VIOLATION")
        assert ran.json["error"]["rules"] == ["no"]
    assert world("ls", "--json").json == []
    assert [one["rule"] for one in world.events("policy.violation")] == ["no", "no"]
    assert not world.mark.exists()


@pytest.mark.parametrize(
    ("action", "command"),
    [
        ("approve", ("approve", "@last", "ask")),
        ("approve", ("reject", "@last", "ask")),
        ("cancel", ("cancel", "@last")),
        ("cancel", ("cancel", "@last", "--step", "ask")),
    ],
)
def test_a_forbidden_answer_or_cancel_changes_nothing(
    world: PolicyWorld, action: str, command: tuple[str, ...]
) -> None:
    ask = {"id": "ask", "step_type": "approval", "parameters": {"prompt": "Go?"}}
    assert world("run", world.file(ask), "--detach").code == 0
    world.forbid(action)
    ran = world(*command)
    assert ran.code == 5
    assert f"{action} of `a mission` is denied: the policy `no`" in ran.err
    assert world("show", "@last", "--json").json["state"] == "RUNNING"
    (world.home / "policy.d" / "x.cedar").unlink()
    assert world("cancel", "@last").code == 0


def test_a_forbidden_retry_starts_nothing(world: PolicyWorld) -> None:
    file = world.file({"id": "bad", "step_type": "fail", "parameters": {"message": "no"}})
    assert world("run", file).code == 1
    world.forbid("retry", 'context.steps.contains("bad")')
    shown = world("retry", "@last", "--dry-run")
    assert (shown.code, "refused" in shown.out + shown.err) == (0, True)
    planned = world("retry", "@last", "--dry-run", "--json").json["verdicts"]
    assert [(one["task_id"], one["decision"]) for one in planned] == [
        (None, "deny"),
        ("bad", "allow"),
    ]
    ran = world("retry", "@last", "--reason", "again")
    assert ran.code == 5
    assert "retry of `a mission` is denied" in ran.err
    world.forbid("launch", 'context.kind == "retry"')
    assert world("retry", "@last", "--reason", "again").code == 5
    assert len(world("ls", "--json").json) == 1


def test_a_secret_that_must_not_be_read_is_not_read(world: PolicyWorld) -> None:
    assert world("secrets", "set", "TOKEN", input="sesame-open-9f3\n").code == 0
    world.forbid("read_secret", 'context.secret == "TOKEN"')
    file = world.file(world.touch(secrets=["TOKEN"]), secrets=["TOKEN"])
    ran = world("run", file, "--json")
    assert ran.code == 5
    assert ran.json["step_results"]["touch"]["error"].startswith("secret TOKEN: ")
    assert world.events("secret.read") == []
    assert not world.mark.exists()


def test_a_policy_that_only_warns_lets_go_and_says_so(world: PolicyWorld) -> None:
    world.forbid("attempt")
    (world.home / "config.toml").write_text('[policy]\nmode = "warn"\n')
    ran = world("run", world.file())
    assert ran.code == 0
    assert "warning: touch: policy: the policy `no`" in ran.err
    assert world.mark.exists()
    [warning] = world.events("policy.warning")
    assert (warning["task_id"], warning["rule"]) == ("touch", "no")
    assert "only warns" in world("logs", "@last", "touch").out
    assert "policy warns" in world("watch", "@last").out
    assert world.events("policy.violation") == []


@pytest.mark.parametrize(
    "text",
    ['[policy]\nmode = "loose"\n', "[policy]\ndefault_deny = true\n", "policy = 1\n", "[policy"],
)
def test_settings_that_are_wrong_start_nothing(world: PolicyWorld, text: str) -> None:
    world.policy("// nothing\n")
    (world.home / "config.toml").write_text(text)
    ran = world("run", world.file())
    assert ran.code in {2, 5}
    assert "config.toml" in ran.err
    assert not world.mark.exists()


def test_settings_that_others_can_write_start_nothing(world: PolicyWorld) -> None:
    world.forbid("attempt")
    config = world.home / "config.toml"
    config.write_text('[policy]\nmode = "warn"\n')
    config.chmod(0o666)
    ran = world("run", world.file())
    assert (ran.code, world.mark.exists()) == (5, False)
    assert f"others can write to {config}" in ran.err


def test_a_project_file_and_the_environment_loosen_nothing(world: PolicyWorld) -> None:
    world.forbid("attempt", 'principal.name != "free"')
    (world.folder / "mission.toml").write_text('[policy]\nmode = "warn"\n')
    names = {"MISSION_ACTOR": "free@box", "USER": "free", "LOGNAME": "free"}
    ran = world("run", world.file(), cwd=world.folder, env={**names, "MISSION_POLICY": "warn"})
    assert (ran.code, world.mark.exists()) == (5, False)


def test_a_sub_mission_is_under_the_same_policies_and_halts_its_parent(world: PolicyWorld) -> None:
    world.forbid("attempt", 'context.step == "touch"')
    world.file(name="sub.yaml")
    call = {"id": "sub", "step_type": "mission", "parameters": {"file": "sub.yaml"}}
    file = world.file({**call, "continue_on_error": True}, {"id": "after", "depends_on": ["sub"]})
    ran = world("run", file, "--json")
    assert ran.code == 5
    assert ran.json["reason_code"] == "POLICY_VIOLATION"
    assert ran.json["step_results"]["sub"]["rule"] == "no"
    assert ran.json["step_results"]["after"]["state"] == "SKIPPED"
    world.forbid("launch", 'context.kind == "sub_mission"')
    ran = world("run", file, "--json")
    assert (ran.code, ran.json["step_results"]["sub"]["rule"]) == (5, "no")
    assert not world.mark.exists()


def test_the_hashes_of_the_policies_are_sealed(world: PolicyWorld) -> None:
    path = world.policy("// nothing\n" + FORBID.format("cancel") + " when { false };")
    assert world("run", world.file()).code == 0
    wanted = [{"path": str(path), "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}]
    found = {one.event_type: one.details.get("policies") for one in world.audit()}
    assert found["execution.created"] == found["engine.started"] == wanted
    assert world("audit", "verify", "--deep").code == 0


def test_a_resumed_execution_is_under_the_policies_of_now(world: PolicyWorld) -> None:
    ask = {"id": "ask", "step_type": "approval", "parameters": {"prompt": "Go?"}}
    world.policy("// nothing\n")
    file = world.file(ask, world.touch(depends_on=["ask"]))
    assert world("run", file, "--detach").code == 0
    world.kill_runner("ask")
    world.forbid("attempt", 'context.step == "touch"')
    assert world("resume", "@last").code == 0
    assert world("approve", "@last", "ask").code == 0
    assert world("watch", "@last").code == 5
    assert not world.mark.exists()
    first, second = (
        one.details["policies"] for one in world.audit() if one.event_type == "engine.started"
    )
    assert first[0]["path"] == second[0]["path"]
    assert first[0]["sha256"] != second[0]["sha256"]


needs_root = pytest.mark.skipif(not IS_ROOT, reason="policies of the machine belong to root")


@needs_root
def test_only_the_machine_may_deny_by_default_and_permit(world: PolicyWorld) -> None:
    (world.system / "config.toml").write_text("[policy]\ndefault_deny = true\n")
    file = world.file()
    denied = world.on_machine("run", file, "--json")
    assert denied.code == 5
    assert denied.json["error"]["rules"] == ["policy.default-deny"]
    world.policy('permit(principal, action == Action::"launch", resource);', system=True)
    denied = world.on_machine("run", file, "--json")
    assert denied.json["step_results"]["touch"]["rule"] == "policy.default-deny"
    assert not world.mark.exists()
    world.policy("permit(principal, action, resource);", system=True)
    assert world.on_machine("run", file).code == 0
    assert world.mark.exists()


@needs_root
def test_a_user_cannot_loosen_what_the_machine_forbids(world: PolicyWorld) -> None:
    world.policy(f'@id("machine") {FORBID.format("attempt")};', system=True)
    (world.home / "config.toml").write_text('[policy]\nmode = "warn"\n')
    ran = world.on_machine("run", world.file(), "--json")
    assert (ran.code, ran.json["step_results"]["touch"]["rule"]) == (5, "machine")
    (world.system / "config.toml").write_text('[policy]\nmode = "warn"\n')
    assert world.on_machine("run", world.file()).code == 0


@needs_root
def test_policies_of_the_machine_that_root_does_not_own_start_nothing(world: PolicyWorld) -> None:
    os.chown(world.policy("// nothing\n", system=True), 12345, 12345)
    ran = world.on_machine("run", world.file())
    assert (ran.code, world.mark.exists()) == (5, False)
    assert "belongs to user 12345, who is not trusted" in ran.err


def test_a_step_cannot_write_to_the_policies_of_its_project(world: PolicyWorld) -> None:
    folder = world.folder / ".missiondeck" / "policy.d"
    folder.mkdir(parents=True)
    policy = folder / "p.cedar"
    policy.write_text(FORBID.format("cancel") + ";")
    remove = {
        "id": "remove",
        "step_type": "delete_file",
        "parameters": {"path": ".missiondeck/policy.d/p.cedar"},
    }
    assert world("run", world.file(remove)).code in {1, 5}
    assert policy.exists()


def test_no_redirect_leads_where_a_policy_forbids(world: PolicyWorld) -> None:
    with HttpServer() as first, HttpServer() as second:
        first.routes["/"] = reply(302, headers={"Location": second.url("/secret")})
        second.routes["/secret"] = reply(200, b"there")
        port = int(second.url("/").rpartition(":")[2].strip("/"))
        world.forbid("attempt", f"context.port == {port}")
        for kind, parameters in (
            ("http", {"url": first.url("/")}),
            ("wait_for", {"url": first.url("/"), "timeout": "10s"}),
        ):
            step = {"id": "go", "step_type": kind, "parameters": parameters}
            ran = world("run", world.file({**step, "continue_on_error": True}), "--json")
            assert (ran.code, ran.json["step_results"]["go"]["rule"]) == (5, "no")
        assert len(first.received) == 2
        assert second.received == []


def test_a_command_that_gives_a_secret_is_asked_about_as_well(world: PolicyWorld) -> None:
    world.forbid("attempt", 'context.command like "touch *"')
    secrets = [{"TOKEN": f"cmd:touch {world.mark}"}]
    step = {"id": "use", "step_type": "command", "parameters": {"command": "true"}}
    file = world.file({**step, "secrets": ["TOKEN"]}, secrets=secrets)
    assert world("plan", file, "--json").json["verdicts"][0]["decision"] == "deny"
    ran = world("run", file, "--json")
    assert (ran.code, ran.json["step_results"]["use"]["rule"]) == (5, "no")
    world.forbid("read_secret", 'context.source like "cmd:*"', "store-only")
    ran = world("run", file, "--json")
    assert (ran.code, ran.json["step_results"]["use"]["rule"]) == (5, "store-only")
    assert not world.mark.exists()


def test_an_execution_whose_policies_broke_stays_where_it_is(world: PolicyWorld) -> None:
    ask = {"id": "ask", "step_type": "approval", "parameters": {"prompt": "Go?"}}
    file = world.file(ask, world.touch(depends_on=["ask"]))
    assert world("run", file, "--detach").code == 0
    world.kill_runner("ask")
    broken = world.policy("forbid(")
    for command in (("resume", "@last"), ("approve", "@last", "ask"), ("cancel", "@last")):
        ran = world(*command)
        assert (ran.code, str(broken) in ran.err) == (5, True), ran
    assert world("show", "@last", "--json").json["state"] == "PAUSED"
    broken.unlink()
    assert world("cancel", "@last").code == 0
    assert world("watch", "@last").code == 5
    assert not world.mark.exists()
