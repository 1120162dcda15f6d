"""Steps that declare their files: which run, which are skipped, and what is said of it."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support.cli import Inside, Ran

MISSION = """version: "1.0"
name: build
params: {mode: {default: fast}}
secrets: [{TOKEN: "env:BUILD_TOKEN"}]
steps:
  - id: compile
    foreach: [one, two, three]
    inputs: ["src/{{ item }}.c"]
    outputs: ["obj/{{ item }}.o"]
    env: {NAME: "{{ item }}"}
    run: mkdir -p obj; cp "src/$NAME.c" "obj/$NAME.o"; echo "compiled $NAME"
  - id: link
    depends_on: compile
    inputs: ["obj/*.o"]
    outputs: [app]
    run: cat obj/*.o >app; echo "LINES=$(wc -l <app)" >>"$MISSION_OUTPUT"
  - {id: say, step_type: log, depends_on: link,
     parameters: {message: "{{ steps.link.output['values'].LINES }} lines"}}
"""
RUN, SKIPPED = "SUCCESS", "UP_TO_DATE"


class Build:
    """The folder of a mission, and the commands run in it."""

    def __init__(self, folder: Path, inside: Inside) -> None:
        self.folder = folder
        self.inside = inside

    def write(self, name: str, text: str) -> None:
        (self.folder / name).parent.mkdir(exist_ok=True)
        (self.folder / name).write_text(text)

    def run(self, *options: str, code: int = 0) -> dict[str, str]:
        """Run the mission; return of each step and item whether it ran."""
        done = self.inside("run", "build.yaml", "-q", *options)
        assert done.code == code, done.err
        shown = self.show()
        return {
            task["task_id"]: SKIPPED if task["reason_code"] == SKIPPED else task["state"]
            for task in shown["task_runs"]
        }

    def show(self) -> Any:
        return self.inside("show", "build", "--json").json

    def why(self, step: str) -> str:
        return self.inside("why", "build", step).out

    def plan(self) -> Any:
        return {
            one["task_id"]: one
            for one in self.inside("plan", "build.yaml", "--json").json["changes"]
        }


@pytest.fixture
def build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Build:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TZ", "UTC")
    made = Build(tmp_path, Inside(tmp_path / "home", monkeypatch, capfd))
    monkeypatch.setenv("BUILD_TOKEN", "a-secret-value")
    made.write("build.yaml", MISSION)
    for name in ("one", "two", "three"):
        made.write(f"src/{name}.c", f"{name}\n")
    return made


def test_a_build_of_which_one_file_has_changed_runs_one_compile_and_what_follows(
    build: Build,
) -> None:
    assert set(build.run().values()) == {RUN}
    again = build.run()
    assert [again[f"compile[{n}]"] for n in range(3)] == [SKIPPED] * 3
    assert (again["link"], again["compile"], again["say"]) == (SKIPPED, RUN, RUN)
    shown = build.show()
    assert shown["coverage"] == "full"
    assert "up to date, unchanged: 3 input files, 1 output file" in build.why("link")
    assert build.inside("logs", "build", "say").out == "3 lines\n"

    build.write("src/two.c", "two\nmore\n")
    planned = build.plan()
    assert planned["compile[0]"]["up_to_date"] is True
    assert planned["compile[1]"]["because"] == ["input src/two.c changed"]
    assert planned["link"]["after"] == ["compile"]
    assert (
        "compile[1] two: would run: input src/two.c changed"
        in build.inside("plan", "build.yaml").out
    )
    ran = build.run()
    assert [ran[f"compile[{n}]"] for n in range(3)] == [SKIPPED, RUN, SKIPPED]
    assert "it ran because of this: input src/two.c changed" in build.why("compile[1]")
    compared = build.inside("diff", "build").out
    assert "`compile[1]` two ran because of this: input src/two.c changed" in compared
    assert "nothing that is recorded" not in compared
    assert "nothing that is recorded has changed" not in build.why("compile[1]")
    assert ran["link"] == RUN
    assert "input obj/two.o changed" in build.why("link")
    assert "`link` before it ran because of this: input obj/two.o changed" in build.why("say")
    assert "before it ran because of this: input src/two.c changed" in build.why("say")
    assert "nothing that is recorded has changed" not in build.why("say")
    assert build.inside("logs", "build", "say").out == "4 lines\n"
    events = build.inside("audit", "show", "build#2", "--json").json
    (compared,) = [
        one["details"]["compared"]
        for one in events
        if "compared" in one["details"] and one["target"].endswith("link")
    ]
    assert (compared["inputs"], compared["outputs"]) == (3, 1)
    assert build.inside("audit", "verify", "--deep").code == 0


def test_what_is_forced_rotated_or_edited_runs_and_a_failure_invalidates(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    build.write(
        "build.yaml",
        MISSION.split("  - id: compile")[0]
        + """  - id: a
    inputs: [in]
    outputs: [out]
    secrets: [TOKEN]
    mutex: out
    run: 'test ! -e fail; cat in >out'
  - id: b
    depends_on: a
    inputs: ["in", "missing/*"]
    run: 'true'
""",
    )
    build.write("in", "1")
    assert build.run() == {"a": RUN, "b": RUN}
    # A pattern without a match: the step runs each time, and says why.
    assert build.run() == {"a": SKIPPED, "b": RUN}
    assert "inputs: `missing/*` matches no file" in build.why("b")
    events = build.inside("audit", "show", "build", "--json").json
    assert [one["target"] for one in events if one["type"] == "step.not_recorded"] == ["step/b"]

    assert build.run("--force=a") == {"a": RUN, "b": RUN}
    assert "forced by `--force`" in build.why("a")
    assert build.run("-p", "mode=slow")["a"] == RUN
    assert "params.mode changed" in build.why("a")
    assert build.run()["a"] == RUN
    monkeypatch.setenv("BUILD_TOKEN", "another-value")
    assert build.run()["a"] == RUN
    assert "secrets.TOKEN changed" in build.why("a")
    build.write("out", "edited")
    assert build.run()["a"] == RUN
    assert "output out changed" in build.why("a")
    assert (build.folder / "out").read_text() == "1"

    build.write("in", "2")
    build.write("fail", "")
    assert build.run(code=1)["a"] == "FAILED"
    build.write("in", "1")  # as its last success had it, but what it made may be half done
    (build.folder / "fail").unlink()
    assert build.run()["a"] == RUN
    assert "its last attempt has not succeeded" in build.why("a")
    assert build.run()["a"] == SKIPPED
    with closing(sqlite3.connect(build.folder / "home/missions.db")) as connection:
        (data,) = connection.execute("SELECT data FROM step_record WHERE step = 'a'").fetchone()
    assert b"another-value" not in data
    assert set(build.run("--force").values()) == {RUN}


def test_a_success_that_cannot_be_recorded_says_so_the_next_time(build: Build) -> None:
    build.write(
        "build.yaml",
        """version: "1.0"
name: build
steps:
  - {id: swap, inputs: [in], outputs: [out], run: 'echo 2 >in; cp in out; echo 1 >in'}
  - {id: none, inputs: [same], outputs: ["none/*"], run: 'true'}
  - {id: log, inputs: [same], run: echo said, stdout_to: "said[1].log"}
""",
    )
    build.write("in", "1\n")
    build.write("same", "")
    assert set(build.run().values()) == {RUN}
    (build.folder / "said[1].log").unlink()
    assert set(build.run().values()) == {RUN}
    left = "its last success was not recorded: "
    assert f"{left}input in changed while it ran" in build.why("swap")
    assert f"{left}outputs: `none/*` matches no file" in build.why("none")
    assert "outputs: `said[[]1].log` matches no file" in build.why("log")
    assert build.run()["log"] == SKIPPED


def refused(build: Build, step: str) -> Ran:
    build.write("bad.yaml", f'version: "1.0"\nname: bad\nsteps:\n  - {step}\n')
    done = build.inside("validate", "bad.yaml")
    assert done.code == 3
    return done


@pytest.mark.parametrize(
    ("step", "told"),
    [
        ("{id: a, run: x, inputs: {src: 1}}", "a list of patterns"),
        ("{id: a, run: x, inputs: [/etc/passwd]}", "leave out the folders before it"),
        ("{id: a, run: x, outputs: [../app]}", "it cannot leave"),
        ("{id: a, run: x, outputs: [1]}", "text"),
        ("{id: a, run: x, inputs: ['']}", "it names no file"),
        ("{id: a, step_type: wait, parameters: {seconds: 1}, inputs: [a]}", "makes none"),
        ("{id: a, run: x, service: true, outputs: [a]}", "a service is always started"),
    ],
)
def test_patterns_are_checked_with_their_place(build: Build, step: str, told: str) -> None:
    done = refused(build, step)
    assert told in done.out + done.err
    assert "bad.yaml:4:" in done.out + done.err


def test_an_unknown_step_is_not_forced(build: Build) -> None:
    done = build.inside("run", "build.yaml", "--force=lnk")
    assert done.code == 4
    assert "link" in done.err
    assert not (build.folder / "app").exists()


GROUP = """version: "1.0"
name: grouped
steps:
  - id: each
    foreach: [one, two]
    with: {name: "{{ item }}"}
    steps:
      - {id: copy, inputs: "{{ vars.name }}.in", outputs: "{{ vars.name }}.out",
         run: 'cp "$MISSION_VAR_NAME.in" "$MISSION_VAR_NAME.out"'}
"""


def test_a_group_has_a_record_of_its_steps_for_each_item(build: Build) -> None:
    for name in ("one", "two"):
        build.write(f"{name}.in", name)
    build.write("grouped.yaml", GROUP)

    def reasons(*options: str) -> set[str]:
        assert build.inside("run", "grouped.yaml", "-q", *options).code == 0
        newest = build.inside("ls", "--all", "--json").json
        children = [one for one in newest if one["mission_name"] == "grouped: each"][:2]
        shown = [build.inside("show", one["execution_id"], "--json").json for one in children]
        return {one["task_runs"][0]["reason_code"] for one in shown}

    assert reasons() == {"EXIT_ZERO"}
    assert reasons() == {"UP_TO_DATE"}
    build.write("two.in", "changed")
    assert reasons() == {"UP_TO_DATE", "EXIT_ZERO"}
    for forced in ("--force=each", "--force=each/copy", "--force"):
        assert reasons(forced) == {"EXIT_ZERO"}
    assert build.inside("run", "grouped.yaml", "--force=each/cpoy").code == 4
