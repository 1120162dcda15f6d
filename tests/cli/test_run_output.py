"""What `mission run` prints of the output of its steps: `--output`, `-v` and `-q`."""

from pathlib import Path

import pytest

from tests.support.cli import Ran, mission, on_a_terminal

NOISY = """
version: "1.0"
name: noisy
config: {fail_fast: false}
steps:
  - {id: fine, step_type: command,
     parameters: {command: sh, args: ["-c", "echo one; sleep 0.1; echo two >&2"]}}
  - id: compile
    step_type: command
    depends_on: [fine]
    retry: {max_attempts: 2, initial_interval: 1ms}
    parameters:
      command: sh
      args:
        - -c
        - |
          for i in $(seq 30); do echo "out $i"; done
          sleep 0.1
          printf 'foo.c:3: \\033[31merror:\\033[0m expected ;\\nmake: *** [all] Error 1\\n' >&2
          exit 3
  - {id: each, step_type: command, depends_on: [compile], trigger_rule: all_done, foreach: [x, y],
     parameters: {command: sh, args: ["-c", "echo got {{ item }}; test {{ item }} = x"]}}
  - {id: outer, step_type: mission, depends_on: [each], trigger_rule: all_done,
     parameters: {file: kid.yaml}}
"""
KID = """
version: "1.0"
name: kid
steps:
  - {id: boom, step_type: command, parameters: {command: sh, args: ["-c", "echo why >&2; exit 5"]}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "noisy.yaml").write_text(NOISY, encoding="utf-8")
    (tmp_path / "kid.yaml").write_text(KID, encoding="utf-8")
    return tmp_path


def run(folder: Path, *options: str, file: str = "noisy.yaml") -> Ran:
    return mission(folder / "home", "run", file, *options, cwd=folder)


def below(lines: list[str], title: str) -> list[str]:
    """Return the lines of the block with that title."""
    start = lines.index(f"  ┌ {title}") + 1
    block = []
    for line in lines[start:]:
        if not line.startswith("  │ "):
            break
        block.append(line.removeprefix("  │ "))
    return block


def test_a_failure_is_printed_with_its_cause_and_its_last_lines(folder: Path) -> None:
    ran = run(folder)
    assert ran.code == 1
    lines = ran.out.splitlines()
    (failed,) = [line for line in lines if "✗ failed     compile" in line]
    assert ": foo.c:3: error: expected ; (2 of 2 attempts failed)  RETRIES_EXHAUSTED" in failed
    block = below(lines, "compile, attempt 2, last 20 of 32 lines")
    assert len(block) == 20
    assert block[-2:] == ["foo.c:3: error: expected ;", "make: *** [all] Error 1"]
    assert any(line.startswith("  └ full output: mission logs ") for line in lines)
    assert below(lines, "each[1] y, attempt 1, 1 line") == ["got y"]
    assert below(lines, "outer › boom, attempt 1, 1 line") == ["why"]
    assert not any("│ one" in line or "got x" in line for line in lines)
    told = {line.split()[1]: line for line in ran.err.splitlines() if line.startswith("  ✗ ")}
    assert ": foo.c:3: error: expected ;" in told["compile:"]
    assert "each[1]" in told["each:"]
    assert told["outer:"].endswith("`boom`: exit 5: why")
    assert "\x1b" not in ran.out + ran.err


def test_live_output_has_the_step_in_front_and_comes_before_its_end(folder: Path) -> None:
    ran = run(folder, "-v")
    lines = ran.out.splitlines()
    assert lines.count("compile │ out 30") == 2  # both attempts
    assert {"fine │ one", "fine │ two", "outer › boom │ why"} <= set(lines)
    done = next(n for n, line in enumerate(lines) if "✓ done       fine" in line)
    assert lines.index("fine │ one") < done
    assert [one for one in lines if one.startswith("compile │ out")][:30] == [
        f"compile │ out {n}" for n in range(1, 31)
    ]


def test_group_prints_each_attempt_in_one_block(folder: Path) -> None:
    lines = run(folder, "--output", "group").out.splitlines()
    assert below(lines, "fine, attempt 1, 2 lines") == ["one", "two"]
    for attempt in (1, 2):
        assert len(below(lines, f"compile, attempt {attempt}, 32 lines")) == 32


def test_none_prints_state_changes_alone(folder: Path) -> None:
    ran = run(folder, "--output", "none")
    assert "out 30" not in ran.out
    assert "✗ failed     compile" in ran.out


def test_quiet_prints_nothing_unless_it_fails(folder: Path) -> None:
    (folder / "good.yaml").write_text(NOISY.partition("  - id: compile")[0], encoding="utf-8")
    ran = run(folder, "-q", file="good.yaml")
    assert (ran.code, ran.out, ran.err) == (0, "", "")
    ran = run(folder, "--quiet")
    assert below(ran.out.splitlines(), "outer › boom, attempt 1, 1 line") == ["why"]
    assert "✓ done" not in ran.out
    assert "✗ failed" in ran.err


def test_beside_json_output_goes_to_stderr_and_only_when_asked_for(folder: Path) -> None:
    ran = run(folder, "--json")
    assert (ran.json["state"], ran.err) == ("FAILED", "")
    ran = run(folder, "--json", "--output", "errors")
    assert ran.json["state"] == "FAILED"
    assert below(ran.err.splitlines(), "outer › boom, attempt 1, 1 line") == ["why"]


def test_a_watcher_prints_the_output_it_is_asked_for(folder: Path) -> None:
    run(folder, "--output", "none")
    home = folder / "home"
    lines = mission(home, "watch", "noisy", "--output", "live").out.splitlines()
    assert lines.count("compile │ out 30") == 2
    lines = mission(home, "watch", "noisy", "--output", "errors").out.splitlines()
    assert len(below(lines, "compile, attempt 2, last 20 of 32 lines")) == 20
    assert "out 1" not in mission(home, "watch", "noisy").out


@pytest.mark.parametrize("options", [("-q", "-v"), ("--detach", "-v"), ("--output", "all")])
def test_options_that_make_no_sense_are_refused(options: tuple[str, str], folder: Path) -> None:
    assert run(folder, *options).code == 2
    assert not (folder / "home" / "missions.db").exists()


def test_a_terminal_is_never_steered_by_the_output_of_a_step(folder: Path) -> None:
    drawn = on_a_terminal(folder / "home", "run", str(folder / "noisy.yaml"), "-v").out
    assert "error:" in drawn
    assert "\x1b[31merror" not in drawn
