"""A group runs its steps as a whole for each item; a retry keeps what succeeded within it."""

from pathlib import Path

import pytest

from tests.support.cli import Inside

MISSION = """version: "1.0"
name: groups
config: {limits: {open_files: 64}}
params: {stage: {required: true}, odd: {default: ""}}
env: {STAGE: "{{ params.stage }}", ODD: "{{ params.odd }}", FIXED: fixed}
steps:
  - id: each
    foreach: [{n: a}, {n: b}]
    with: {name: "{{ item.n }}"}
    steps:
      - id: build
        run: |
          echo "$MISSION_VAR_NAME $STAGE" | tee -a built
          echo "$ODD$FIXED$(ulimit -n)" >odd
        artifacts: odd
      - {id: test, depends_on: build, run: 'test "$MISSION_VAR_NAME" = a || test -e mended'}
  - id: last
    depends_on: each
    step_type: log
    parameters: {message: "{{ steps.each.output['items'][1].outputs.build.stdout }}"}
"""


def test_a_failed_step_of_a_group_is_retried_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "groups.yaml").write_text(MISSION)
    look = Inside(tmp_path / "home", monkeypatch, capfd)
    ran = look("run", "groups.yaml", "--json", "-p", "stage=test", "-p", "odd={{ 1 + 1 }}")
    assert (ran.code, ran.json["reason_code"]) == (1, "STEP_FAILED"), ran.err
    for path in ("each[1]/test", "each[1] n=b › test"):
        told = look("why", "groups#1", path).out
        assert told.startswith("test of groups: each")
        assert "failed: exit 1" in told
    assert look("show", "groups#1", "each[0]/build", "--json").json["state"] == "SUCCESS"
    assert look("logs", "groups#1", "each[1]/build/1").out == "b test\n"
    assert look("why", "groups#1", "last/test").code == 4
    (tmp_path / "groups.yaml").unlink()
    (tmp_path / "mended").touch()
    assert look("retry", "@last", "--watch").code == 0
    assert sorted((tmp_path / "built").read_text().split()) == ["a", "b", "test", "test"]
    text = "{{ 1 + 1 }}fixed64\n"
    assert (tmp_path / "odd").read_text() == text, (
        "no template in the group, and the limits of the mission"
    )
    assert look("logs", "@last", "last").out == "b test\n"
    assert look("audit", "verify").code == 0
    shown = look("show", "@last", "each[1]").out
    assert '"name": "b"' in shown, "what its steps are given"
    assert "MISSION_VAR_NAME" not in shown, "the mission that is made of its steps"
    kept = [(one["step_id"], one["path"]) for one in look("artifacts", "@last", "--json").json]
    assert kept == [("each[0]/build", "odd"), ("each[1]/build", "odd")]
    assert look("artifacts", "@last", "each", "--get", "got").code == 0
    assert look("artifacts", "@last", "each[1]", "--get", "one").code == 0
    assert (tmp_path / "got/each[0]/build/odd").read_text() == text
    assert (tmp_path / "one/build/odd").read_text() == text
    assert look("artifacts", "@last", "each[0]/build", "--get", "two").code == 0
    assert (tmp_path / "two/odd").read_text() == text


REFUSED = """version: "1.0"
name: refused
params: {ref: {default: main}, dry: {type: boolean, default: true}}
concurrency: {group: "ship-{{ params.ref }}", policy: cancel}
handlers: {always: [{id: tidy, run: "true"}]}
steps:
  - id: each
    foreach: [1]
    with: {n: "{{ item }}"}
    steps:
      - {id: fine, run: "true"}
      - id: loads
        run: "true"
        env:
          LD_PRELOAD: "{{ vars.n }}"
      - id: deep
        steps:
          - id: bad
            run: rm -rf /
"""


def test_plan_and_validate_tell_what_safety_refuses_of_the_steps_of_a_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "refused.yaml").write_text(REFUSED)
    look = Inside(tmp_path / "home", monkeypatch, capfd)
    ran = look("validate", "refused.yaml", "--json")
    assert ran.code == 5
    told = [(one["task_id"], one["rule"], one["line"]) for one in ran.json["findings"]]
    assert told == [
        ("each/loads", "safety.loader-variable", 15),
        ("each/deep/bad", "safety.rm-root", 19),
    ]
    planned = look("plan", "refused.yaml")
    assert planned.code == 5
    assert "1 step in 1 layer, 1 handler" in planned.out
    assert "ref = main\n  dry = true\n" in planned.out
    assert "in the group ship-main (policy cancel)" in planned.out
    assert "run 3 steps: fine, loads, deep" in planned.out
    assert "each/deep/bad  refused by safety.rm-root" in planned.out
    assert "(refused.yaml:19:13)" in planned.out
