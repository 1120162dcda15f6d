"""`env_files` of a mission and its steps: what counts, what is recorded, what is refused."""

from pathlib import Path

import pytest

from tests.support.cli import Inside

MISSION = """version: "1.0"
name: files
env_files: .env
env: {OWN: mission}
steps:
  - {id: a, run: 'echo "$A $OWN $DB_PASSWORD"; echo "B=step" >later.env'}
  - {id: b, depends_on: a, env_files: [later.env], env: {OWN: step},
     run: 'echo "$A $B $OWN"'}
"""
SECRET = "hunter2hunter2"


@pytest.fixture
def look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Inside:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "files.yaml").write_text(MISSION)
    (tmp_path / ".env").write_text(f"A=file\nOWN=file\nDB_PASSWORD={SECRET}\n")
    return Inside(tmp_path / "home", monkeypatch, capfd)


def test_env_goes_over_files_and_secrets_in_them_are_masked(look: Inside, tmp_path: Path) -> None:
    assert look("run", "files.yaml", "-q").code == 0
    assert look("logs", "files", "a").out == "file mission ***\n"
    assert look("logs", "files", "b").out == "file step step\n"
    events = look("audit", "show", "files", "--json").json
    (started,) = [one for one in events if one["type"] == "engine.started"]
    assert started["details"]["env_files"][0]["names"] == ["A", "DB_PASSWORD", "OWN"]
    (read,) = [one for one in events if one["type"] == "env.read"]
    assert [file["path"] for file in read["details"]["files"]] == ["later.env"]
    assert all(
        SECRET.encode() not in path.read_bytes()
        for path in (tmp_path / "home").rglob("*")
        if path.is_file()
    )
    assert look("audit", "verify").code == 0


def test_a_missing_file_of_the_mission_is_refused_where_it_is_named(
    look: Inside, tmp_path: Path
) -> None:
    (tmp_path / ".env").unlink()
    for command in ("run", "plan"):
        ran = look(command, "files.yaml")
        assert ran.code == 3
        assert "files.yaml:3:1: error[BAD_VALUE]: there is no environment file `.env`" in ran.err
    (tmp_path / ".env").write_text("A=1\nnonsense\n")
    assert "`.env`, line 2: it is not NAME=VALUE" in look("run", "files.yaml").err


def test_a_missing_file_of_a_step_fails_its_attempt(look: Inside, tmp_path: Path) -> None:
    (tmp_path / "files.yaml").write_text(MISSION.replace('>later.env"', '>other.env"').replace(
        "[later.env]", "[gone.env]"))  # fmt: skip
    ran = look("run", "files.yaml", "--json")
    assert (ran.code, ran.json["step_results"]["b"]["reason_code"]) == (1, "INVALID_PARAMETERS")
    assert "there is no environment file `gone.env`" in ran.json["step_results"]["b"]["error"]


@pytest.mark.parametrize("line", ["LD_PRELOAD=/x.so", "PATH=.:/bin"])
def test_safety_sees_what_a_file_sets(look: Inside, tmp_path: Path, line: str) -> None:
    (tmp_path / ".env").write_text(f"{line}\n")
    ran = look("run", "files.yaml", "--json")
    assert ran.json["step_results"]["a"]["reason_code"] == "SECURITY_VIOLATION"


def test_a_file_out_of_the_folder_is_refused(look: Inside, tmp_path: Path) -> None:
    (tmp_path / ".env").unlink()
    (tmp_path / ".env").symlink_to("/etc/passwd")
    assert "leads out of the folder" in look("run", "files.yaml").err
    (tmp_path / "files.yaml").write_text(MISSION.replace(": .env", ": ../.env"))
    assert look("validate", "files.yaml").code == 3


def test_a_plan_knows_the_values_of_the_files(look: Inside, tmp_path: Path) -> None:
    text = MISSION.replace('echo "$A $B $OWN"', 'rm -rf "$A"')
    (tmp_path / "files.yaml").write_text(text)
    (tmp_path / "later.env").write_text("B=2\n")
    assert look("plan", "files.yaml").code == 0
    (tmp_path / ".env").write_text(f"A=/\nDB_PASSWORD={SECRET}\n")
    planned = look("plan", "files.yaml", "--json")
    assert planned.code == 5
    assert [one["decision"] for one in planned.json["verdicts"]] == ["allow", "deny"]
    (tmp_path / "later.env").unlink()
    unknown = look("plan", "files.yaml", "--json").json["verdicts"]
    assert [one["decision"] for one in unknown] == ["allow", "deny"], "what is found is certain"
