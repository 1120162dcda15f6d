"""A runner is killed while a service serves, a step is repeated, and a person is asked."""

from pathlib import Path

import pytest

from tests.support.cli import mission
from tests.support.killed_runs import KilledRuns

MISSION = """version: "1.0"
name: shapes
config: {fail_fast: false}
env_files: .env
include: parts/last.yaml
steps:
  - id: server
    service: true
    ready: {log: "^up with"}
    preconditions: [{run: 'test -n "$API_TOKEN"'}, "1 < 2"]
    run: |
      echo $$ >> servers
      echo "up with $API_TOKEN"
      exec sleep 600
  - id: poll
    depends_on: server
    repeat: {every: 200ms, until: "output['values'].STATE == 'go'", max: 1000}
    run: |
      echo "asked with $API_TOKEN"
      echo "STATE=$(cat state 2>/dev/null || echo wait)" >> "$MISSION_OUTPUT"
  - id: never
    depends_on: server
    preconditions: {run: test -e missing}
    run: echo never
  - id: ask
    depends_on: server
    step_type: approval
    parameters: {prompt: How many?, inputs: {copies: {type: integer, required: true}}}
  - id: pair
    depends_on: server
    foreach: [x, y]
    with: {name: "{{ item }}"}
    steps:
      - {id: once, run: 'echo "$MISSION_VAR_NAME" >> once; echo "token $API_TOKEN"'}
      - id: held
        depends_on: once
        run: |
          while [ ! -e state ]; do sleep 0.05; done
          test "$MISSION_VAR_NAME" = x || test -e mended
  - id: shaky
    depends_on: [poll, ask]
    env: {COPIES: "{{ steps.ask.output.inputs.copies }}"}
    run: echo "$COPIES" > copies; test -e mended
"""
LAST = """steps:
  - {id: done, depends_on: [shaky, pair], step_type: finish, parameters: {message: that was all}}
  - {id: after, depends_on: done, run: touch after}
"""
SECRET = "hunter2hunter2"


@pytest.mark.slow
def test_every_shape_survives_the_kill_of_its_runner_and_a_retry(tmp_path: Path) -> None:
    runs = KilledRuns(tmp_path, seed=11)
    (tmp_path / "shapes.yaml").write_text(MISSION)
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts/last.yaml").write_text(LAST)
    (tmp_path / ".env").write_text(f"STORM={runs.token}\nAPI_TOKEN={SECRET}\n")
    try:
        ran = mission(runs.home, "run", "shapes.yaml", "--detach", "--json", cwd=tmp_path)
        assert ran.code == 0, ran.err
        runs.wait_for("shapes", {"server": "SERVICE_READY", "ask": "AWAITING_APPROVAL"})
        runs.wait_for("shapes", {"poll": "REPEATING"})
        assert runs.kill(ran.json["execution_id"])
        (tmp_path / "shapes.yaml").unlink()
        (tmp_path / "parts/last.yaml").unlink()
        assert mission(runs.home, "resume", "shapes", "--json").code == 0
        runs.wait_for("shapes", {"server": "SERVICE_READY", "ask": "AWAITING_APPROVAL"})
        wrong = mission(runs.home, "approve", "shapes", "ask", "-i", "copies=many")
        assert (wrong.code, "not an integer" in wrong.err) == (2, True), wrong
        assert mission(runs.home, "approve", "shapes", "ask", "-i", "copies=3").code == 0
        (tmp_path / "state").write_text("go\n")
        assert mission(runs.home, "watch", "shapes", "--json").code == 1, "shaky failed"
        failed = runs.tasks("shapes")
        assert failed["pair"]["state"] == "FAILED"
        (tmp_path / "mended").touch()
        again = mission(runs.home, "retry", "shapes", "--watch")
        assert again.code == 0, again.err
    finally:
        runs.stop()
    ended = runs.tasks("shapes")
    assert (tmp_path / "copies").read_text() == "3\n"
    once = sorted((tmp_path / "once").read_text().split())
    assert once == ["x", "y"], "what succeeded within a group did not run again"
    assert ended["pair[0]"]["reason_code"] == "REUSED"
    assert not (tmp_path / "after").exists()
    assert failed["server"]["reason_code"] != "SERVICE_DIED"
    assert failed["never"]["reason_code"] == "PRECONDITION_UNMET"
    assert failed["poll"]["attempt"] > 1
    assert ended["server"]["reason_code"] == "SERVICE_ENDED", "the retry needed it again"
    assert ended["poll"]["reason_code"] == ended["ask"]["reason_code"] == "REUSED"
    assert [ended[name]["reason_code"] for name in ("done", "after")] == ["FINISHED"] * 2
    servers = (tmp_path / "servers").read_text().split()
    assert len(servers) == 3, "one of each runner"
    assert not [pid for pid in servers if Path("/proc", pid).exists()]
    assert mission(runs.home, "audit", "verify").code == 0
    files = [path for path in runs.home.rglob("*") if path.is_file()]
    assert not [path for path in files if SECRET.encode() in path.read_bytes()]
