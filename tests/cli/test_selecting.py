"""`mission ls`: what it lists, in which order and with which fields, and how it watches."""

import json
import select
import signal
import subprocess
from pathlib import Path

import pytest

from tests.support.cli import Inside, start
from tui.cli.selecting.list_fields import FIELDS, SHORT_NAMES, SORTS

MISSION = """version: "1.0"
name: {}
steps:
  - {{id: a, run: "{}"}}
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which a mission succeeded with a label and a title, failed, and succeeded bare."""
    place = tmp_path_factory.mktemp("selecting")
    (place / "good.yaml").write_text(MISSION.format("good", "true"))
    (place / "bad.yaml").write_text(MISSION.format("bad", "exit 3"))
    return place


@pytest.fixture
def inside(
    home: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Inside:
    monkeypatch.chdir(home)
    run = Inside(home / "home", monkeypatch, capfd)
    if not (home / "home").exists():
        run("run", "good.yaml", "-q", "-l", "team=data", "--title", "Nightly")
        run("run", "bad.yaml", "-q", "-l", "team=data", "-l", "tier=gold")
        run("run", "good.yaml", "-q")
    return run


def references(inside: Inside, *arguments: str) -> list[str]:
    return [one["reference"] for one in inside("ls", "--json", *arguments).json]


def test_the_terms_of_home_and_the_options_select_together(inside: Inside) -> None:
    assert references(inside, "--where", "state:failed") == ["bad#1"]
    assert references(inside, "--where", "!state:failed label:team") == ["good#1"]
    assert references(inside, "--where", "label:team=data", "--state", "failed") == ["bad#1"]
    assert references(inside, "-l", "team", "--where", "!label:tier") == ["good#1"]
    assert references(inside, "--name", "good", "--since", "1h") == ["good#2", "good#1"]
    assert references(inside, "--where", "since:1h", "--until", "1h") == []
    assert "no run matches" in inside("ls", "--where", "name:nobody").err
    wrong = inside("ls", "--where", "nmae:good")
    assert wrong.code == 2
    assert "nmae: is not known here" in wrong.err
    assert "mission help where" in wrong.err
    assert inside("ls", "--where", "state:done", "--state", "failed").code == 2
    assert inside("ls", "good", "--name", "good").code == 2
    assert inside("ls", "--name", "goood").code == 4


def test_a_list_has_the_order_and_the_fields_that_were_asked_for(inside: Inside) -> None:
    assert references(inside, "--sort", "created") == ["good#1", "bad#1", "good#2"]
    assert references(inside, "--sort", "created:desc") == references(inside)
    assert references(inside, "--sort", "mission") == ["bad#1", "good#2", "good#1"]
    assert references(inside, "--sort", "mission_name:desc", "-n", "1") == ["good#2"]
    assert references(inside, "--sort", "state", "-n", "1") == ["bad#1"]
    took = [one["duration_ms"] for one in inside("ls", "--json", "--sort", "took").json]
    assert took == sorted(took)
    assert all(inside("ls", "--sort", f"{name}:desc").code == 0 for name in SORTS)
    for wrong in ("tok", "took:up", "params"):
        told = inside("ls", "--sort", wrong)
        assert (told.code, "hint" in told.err) == (2, True)

    lines = inside("ls", "--fields", "run,state,labels,title", "--sort", "created").out.splitlines()
    assert [line.split() for line in lines] == [
        ["RUN", "STATE", "LABELS", "TITLE"],
        ["good#1", "SUCCESS", "team=data", "Nightly"],
        ["bad#1", "FAILED", "team=data", "tier=gold"],
        ["good#2", "SUCCESS"],
    ]
    (one, *_) = inside("ls", "--json", "--fields", "id,state").json
    assert list(one) == ["execution_id", "state"]
    (whole, *_) = inside("ls", "--json").json
    assert tuple(whole) == FIELDS
    assert set(SHORT_NAMES.values()) <= set(FIELDS)
    told = inside("ls", "--fields", "id,stat")
    assert (told.code, "did you mean `state`" in told.err) == (2, True)
    assert inside("ls", "--fields", ",").code == 2
    assert inside("ls", "--fields", "id", "--ids").code == 2


def test_labels_and_titles_stand_in_the_text_where_any_execution_has_one(inside: Inside) -> None:
    listed = inside("ls").out
    assert "TITLE" in listed
    assert "team=data tier=gold" in listed
    assert "LABELS" not in inside("ls", "--where", "!label:team").out
    shown = inside("show", "good#1").out
    assert "title Nightly" in shown
    assert "labels team=data" in shown


def test_a_watched_list_goes_on_in_a_pipe_with_a_line_for_each_new_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.yaml").write_text(MISSION.format("bad", "exit 3"))
    run = Inside(tmp_path / "home", monkeypatch, capfd)
    run("run", "bad.yaml", "-q")
    fields = ("--json", "--fields", "run,state")
    watching = start(tmp_path / "home", "ls", "--watch", *fields, "bad", bufsize=0)
    try:
        assert next_line(watching) == {"reference": "bad#1", "state": "FAILED"}
        run("run", "bad.yaml", "-q")
        seen: list[dict[str, str]] = []
        while not seen or seen[-1]["state"] != "FAILED":
            seen.append(next_line(watching))
        assert {one["reference"] for one in seen} == {"bad#2"}
    finally:
        watching.send_signal(signal.SIGINT)
        _, err = watching.communicate(timeout=20)
    assert (watching.returncode, err) == (130, b"")


def next_line(process: "subprocess.Popen[bytes]") -> dict[str, str]:
    assert process.stdout is not None
    assert select.select([process.stdout], [], [], 30)[0]
    found: dict[str, str] = json.loads(process.stdout.readline())
    return found
