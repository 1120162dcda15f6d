"""Safety in real runs: what it refuses never runs, what is harmless does, and nothing gets past it.

Every destructive text stands behind `exit 0`: if safety let one through, it would still not run.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from core.security.safety.finding import RULES
from tests.support.cli import Ran, environment, mission
from tests.support.missions import mission_yaml
from tests.support.shell_texts import HARMLESS
from tui.host.gate import allowed_rules
from tui.host.places import find_paths

DISGUISED = {
    "plain": ("rm -rf /", "safety.rm-root"),
    "quoted": ('r"m" \'-r\' -f "/"*', "safety.rm-root"),
    "wrapped": ("sudo -n env X=1 timeout 5 nice rm --recursive ~", "safety.rm-root"),
    "nested shells": ("bash -lc \"sh -c 'cd / && rm -rf *'\"", "safety.rm-root"),
    "variable": ('X=/; Y=rm; $Y -rf "$X"', "safety.rm-root"),
    "encoded": ("echo cm0gLXJmIC8K | base64 -d | sh", "safety.rm-root"),
    "here-document": ("bash <<'EOF'\nfind / -delete\nEOF", "safety.rm-root"),
    "owner": ("chmod -R 000 /", "safety.owner-root"),
    "file system": ("mkfs.ext4 -F /dev/sdzz1", "safety.make-filesystem"),
    "raw write": ("dd if=/dev/zero of=/dev/nvme9n1", "safety.block-device"),
    "redirection": ("cat x > /dev/sdzz", "safety.block-device"),
    "fork bomb": ("boom() { boom | boom & }; boom", "safety.fork-bomb"),
    "shutdown": ("systemctl --force reboot", "safety.shutdown"),
    "kernel": ("echo b | tee /proc/sysrq-trigger", "safety.shutdown"),
}


class World:
    """A user, and missions whose steps leave a mark."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.home.mkdir()
        self.mark = folder / "mark"

    def script(self, text: str, step: str = "bad", **fields: Any) -> dict[str, Any]:
        """Return a step that leaves the mark, and would go no further."""
        whole = f"touch '{self.mark}'\nexit 0\n{text}\n"
        return {"id": step, "step_type": "script", "parameters": {"script": whole}, **fields}

    def file(self, *steps: dict[str, Any], **fields: Any) -> Path:
        path = self.folder / "m.yaml"
        path.write_text(mission_yaml(*steps, **fields))
        return path

    def __call__(self, *arguments: str | Path, **more: Any) -> Ran:
        return mission(self.home, *map(str, arguments), **more)

    def allow(self, text: str) -> Path:
        path = self.home / "config.toml"
        path.write_text(text)
        return path


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.mark.parametrize("name", DISGUISED)
def test_a_destructive_command_in_disguise_is_refused_before_it_runs(
    world: World, name: str
) -> None:
    text, rule = DISGUISED[name]
    ran = world("run", world.file(world.script(text)), "--json")
    assert ran.code == 5, ran
    step = ran.json["step_results"]["bad"]
    assert (step["reason_code"], step["rule"]) == ("SECURITY_VIOLATION", rule)
    assert not world.mark.exists()


def test_what_a_command_gives_to_a_shell_is_looked_at(world: World) -> None:
    text = f"touch '{world.mark}'; exit 0; rm -rf /"
    for parameters in (
        {"command": "sh", "args": ["-c", text]},
        {"command": "env", "args": ["bash", "-ec", text]},
        {"command": "bash", "args": ["-s"], "stdin": text},
    ):
        step = {"id": "bad", "step_type": "command", "parameters": parameters}
        ran = world("run", world.file(step), "--json")
        assert (ran.code, ran.json["step_results"]["bad"]["rule"]) == (5, "safety.rm-root")
    assert not world.mark.exists()


def test_an_argument_list_without_a_shell_is_looked_at(world: World) -> None:
    harmless = world.folder / "rm"  # should it ever be let through
    harmless.write_text(f"#!/bin/sh\ntouch '{world.mark}'\n")
    harmless.chmod(0o755)
    for target in ("/", "/usr/../", "~", "$HOME", "/*"):
        step = {
            "id": "bad",
            "step_type": "command",
            "parameters": {"command": str(harmless), "args": ["-f", "-r", target]},
        }
        ran = world("run", world.file(step), "--json")
        assert (ran.code, ran.json["step_results"]["bad"]["rule"]) == (5, "safety.rm-root"), target
    assert not world.mark.exists()


def test_a_value_that_only_the_run_has_is_looked_at(world: World) -> None:
    step = world.script('rm -rf "$MISSION_PARAM_TARGET"')
    file = world.file(step, params={"target": {"default": "./build"}})
    assert world("run", file).code == 0
    world.mark.unlink()
    ran = world("run", file, "-p", "target=/")
    assert ran.code == 5
    assert "safety.rm-root" in ran.err
    assert not world.mark.exists()


@pytest.mark.parametrize(
    "text",
    [
        *("rm -rf ./build", "echo shutdown", 'echo "rm -rf /"', "grep -r mkfs . || true"),
        *('rm -rf "$PWD/build"', "dd if=/dev/zero of=./disk.img bs=1 count=1 2>/dev/null"),
        *("cat <<EOF > notes\nrm -rf /\nEOF", "printf '%s\\n' ':(){ :|:& };:' > notes"),
        *("f() { true & }; f; wait", "find . -name '*.tmp' -delete", "chmod -R u+w ./build"),
        *("echo x > /dev/null", "echo 'reboot' | cat", "X='rm -rf /'; echo \"$X\""),
    ],
)
def test_a_harmless_command_like_it_runs(world: World, text: str) -> None:
    (world.folder / "build").mkdir()
    step = {
        "id": "good",
        "step_type": "script",
        "parameters": {"script": f"{text}\ntouch '{world.mark}'\n"},
    }
    ran = world("run", world.file(step))
    assert ran.code == 0, ran
    assert world.mark.exists()


def test_validation_looks_at_the_scripts_of_preconditions(world: World) -> None:
    condition = {"run": "exit 0\nrm -rf /\n"}
    file = world.file({"id": "a", "preconditions": [condition]}, preconditions=[condition])
    found = world("validate", file, "--json").json["findings"]
    assert [(one["task_id"], one["rule"]) for one in found] == [
        ("preconditions", "safety.rm-root"),
        ("a", "safety.rm-root"),
    ]
    assert all(one["line"] for one in found)


def test_validation_of_harmless_texts_refuses_none_of_them(world: World) -> None:
    steps = [world.script(text, f"s{number}") for number, text in enumerate(HARMLESS)]
    ran = world("validate", world.file(*steps), "--json")
    assert (ran.code, ran.json["findings"]) == (0, [])


def test_nothing_gets_past_a_violation(world: World) -> None:
    handler = {**world.script("true", "handler"), "name": "Handler"}
    file = world.file(
        {"id": "first"},
        world.script(
            "rm -rf /", depends_on=["first"], continue_on_error=True, retry={"max_attempts": 3}
        ),
        world.script("true", "later", depends_on=["bad"], trigger_rule="all_done"),
        handlers={"on_failure": [handler], "always": [{**handler, "id": "again"}]},
        config={"fail_fast": False},
    )
    ran = world("run", file, "--json")
    assert ran.code == 5
    results = ran.json["step_results"]
    assert results["bad"]["attempts"] == 1
    assert {results[name]["state"] for name in ("later", "handler", "again")} == {"SKIPPED"}
    assert not world.mark.exists()
    told = {one["type"]: one for one in world("events").ndjson}
    assert told["security.violation"]["rule"] == "safety.rm-root"
    assert "would delete /" in told["security.violation"]["message"]
    for shown in (world("why", "@last", "bad").out, world("show", "@last").out):
        assert "refused by safety.rm-root" in shown
        assert "`safety.allow` in config.toml" in shown
    assert world("audit", "verify").code == 0
    assert world("retry", "@last").code == 0
    assert world("watch", "@last").code == 5
    assert not world.mark.exists()


KILLED_AT_THE_HALT = """
import os, signal, sys
from core.engine.cycle.attempt_flow import AttemptFlow
committed = AttemptFlow.committed
def killed(self):
    tasks = self._recorder.snapshot.tasks.values()
    if any(task.reason_code == "SECURITY_VIOLATION" for task in tasks):
        os.kill(os.getpid(), signal.SIGKILL)
    committed(self)
AttemptFlow.committed = killed
from tui.cli.main import entry
sys.exit(entry())
"""


def test_the_violation_is_in_the_audit_log_when_the_runner_is_killed_before_the_halt(
    world: World,
) -> None:
    file = world.file(
        {"id": "long", "step_type": "command", "parameters": {"command": "sleep", "args": ["600"]}},
        {"id": "soon"},
        world.script("rm -rf /", depends_on=["soon"]),
        world.script("true", "next", depends_on=["long"], trigger_rule="all_done"),
        handlers={"always": [{**world.script("true", "handler"), "name": "Handler"}]},
    )
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_AT_THE_HALT, "run", file],
        env=environment(world.home),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert killed.returncode == -9, killed
    told = world("events").ndjson
    [violation] = [one for one in told if one["type"] == "security.violation"]
    assert violation["task_id"] == "bad"
    [lost] = [one for one in told if one["type"] == "runner.lost"]
    assert violation["seq"] < lost["seq"]
    world("resume", "@last", "--assume-lost=retry")
    assert world("watch", "@last").code == 5
    shown = world("show", "@last", "--json").json
    assert (shown["state"], shown["reason_code"]) == ("FAILED", "SECURITY_VIOLATION")
    started = [one for one in world("events").ndjson if one["type"] == "attempt.started"]
    assert [one.get("task_id") for one in started].count("long") == 1
    assert not world.mark.exists()
    assert world("audit", "verify").code == 0


def test_plan_and_validate_tell_rule_and_place(world: World) -> None:
    file = world.file(
        world.script("rm -rf /"),
        {"id": "fine"},
        {"id": "load", "step_type": "command", "parameters": {"command": "true"},
         "env": {"LD_PRELOAD": "./x.so", "PATH": "bin:/usr/bin"}},
    )  # fmt: skip
    ran = world("validate", file)
    assert ran.code == 5
    assert f"{file}: valid" in ran.out
    lines = file.read_text().splitlines()
    found = world("validate", file, "--json").json
    assert (found["valid"], found["diagnostics"]) == (True, [])
    rules = ["safety.rm-root", "safety.loader-variable", "safety.relative-path"]
    assert [one["rule"] for one in found["findings"]] == rules
    for finding, word in zip(found["findings"], ("script", "LD_PRELOAD", "PATH"), strict=True):
        assert lines[finding["line"] - 1][finding["column"] - 1 :].startswith(word)
        assert finding["rule"] in finding["allow"]
        place = f"{file}:{finding['line']}:{finding['column']}: error[REFUSED]"
        assert place in ran.out
    planned = world("plan", file, "--json")
    assert (planned.code, planned.json["findings"]) == (5, found["findings"])
    decisions = {one["task_id"]: one["decision"] for one in planned.json["verdicts"]}
    assert decisions == {"bad": "deny", "fine": "allow", "load": "deny"}
    assert "refused by safety.rm-root" in world("plan", file).out
    for form in ("sarif", "github"):
        assert world("validate", file, "--format", form).code == 5


def test_the_settings_of_the_user_allow_a_rule_and_nothing_else_does(world: World) -> None:
    file = world.file(world.script("rm -rf /"))
    (world.folder / "mission.toml").write_text('[safety]\nallow = ["safety.rm-root"]\n')
    names = {"MISSION_SAFETY": "safety.rm-root", "MISSION_SAFETY_ALLOW": "safety.rm-root"}
    assert world("run", file, cwd=world.folder, env=names).code == 5
    assert "no project can loosen safety" in world("doctor", cwd=world.folder).out
    world.allow('[safety]\nallow = ["safety.shutdown"]\n')
    assert world("run", file).code == 5
    assert not world.mark.exists()
    world.allow('[safety]\nallow = ["safety.rm-root"]\n')
    assert world("validate", file).code == 0
    assert world("run", file).code == 0
    assert world.mark.exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[safety]\nallow = ["safety.rm-rot"]', "did you mean `safety.rm-root`"),
        ('[safety]\nallow = "safety.rm-root"', "is a list"),
        ("safety = 1", "is a table"),
        ("[safety]\noff = true", "is a table with the keys `allow`, `folders` and `addresses`"),
        ("[safety", "is not TOML"),
        ('[safety]\nallow = ["safety.address"]', "`safety.addresses` names what is permitted"),
        ('[safety]\nfolders = ["srv"]', "is not the absolute path of a folder below /"),
        ('[safety]\nfolders = ["/"]', "is not the absolute path of a folder below /"),
        ('[safety]\nfolders = ["/srv/../etc"]', "is not the absolute path of a folder below /"),
        ('[safety]\naddresses = ["metadata"]', "does not appear to be an IPv4 or IPv6"),
    ],
)
def test_settings_of_safety_that_are_wrong_start_nothing(
    world: World, text: str, said: str
) -> None:
    world.allow(text)
    ran = world("run", world.file(world.script("true")))
    assert ran.code == 2, ran
    assert said in ran.err
    assert not world.mark.exists()


def test_a_folder_that_the_settings_permit_is_reached_and_the_audit_log_names_it(
    world: World, tmp_path_factory: pytest.TempPathFactory
) -> None:
    shared = tmp_path_factory.mktemp("elsewhere")
    fields = {"path": f"{shared}/made", "content": "x"}
    file = world.file({"id": "make", "step_type": "create_file", "parameters": fields})
    refused = world("run", file)
    assert refused.code == 5
    assert "`safety.folders` in config.toml would allow it" in refused.err + refused.out
    world.allow(f'[safety]\nfolders = ["{shared}"]\n')
    assert world("run", file).code == 0
    assert (shared / "made").read_text() == "x"
    audit = world("audit", "show", "@last", "--json").out
    assert f'"safety_folders": "{shared}"' in audit or f'"safety_folders":"{shared}"' in audit


def test_settings_that_others_can_write_loosen_nothing(world: World) -> None:
    world.allow('[safety]\nallow = ["safety.rm-root"]\n').chmod(0o666)
    ran = world("run", world.file(world.script("rm -rf /")))
    assert ran.code == 5
    assert "others can write" in ran.err
    assert not world.mark.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="the settings of the machine must belong to root")
def test_what_the_machine_says_of_safety_replaces_what_the_user_says(world: World) -> None:
    paths = find_paths({"MISSION_HOME": str(world.home)})
    system = world.folder / "etc"
    system.mkdir()
    world.allow('[safety]\nallow = ["safety.rm-root"]\n')
    assert allowed_rules(paths, system) == {"safety.rm-root"}
    (system / "config.toml").write_text("[safety]\nallow = []\n")
    assert allowed_rules(paths, system) == frozenset()
    (system / "config.toml").write_text('[safety]\nallow = ["safety.shutdown"]\n')
    assert allowed_rules(paths, system) == {"safety.shutdown"}


def test_every_rule_is_in_the_documentation() -> None:
    page = (Path(__file__).parents[2] / "docs" / "security.md").read_text("utf-8")
    assert [rule for rule in RULES if f"`{rule}`" not in page] == []


def test_secrets_do_not_show_in_what_is_said_of_a_violation(world: World) -> None:
    assert world("secrets", "set", "TOKEN", input="/hidden-value-77\n").code == 0
    step = world.script("rm -rf /", secrets=["TOKEN"], env={"PATH": "{{ secrets.TOKEN }}"})
    ran = world("run", world.file(step, secrets=["TOKEN"]), "--json")
    assert ran.code == 5
    assert "hidden-value" not in ran.out + ran.err
