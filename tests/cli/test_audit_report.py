"""`mission audit report` and `audit show`: what somebody learns who has not read the documents."""

import re
import shutil
import sqlite3
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.support.cli import Inside, mission

ROOT = Path(__file__).parents[2]
EXPECTED = Path(__file__).with_name("expected_report.md")
HOSTILE = """\
version: "1.0"
name: "<b>bold</b> | *x*"
steps:
  - {id: ask, step_type: approval, parameters: {prompt: "go?", timeout: 60}}
  - id: bad
    step_type: fail
    depends_on: [ask]
    parameters: {message: "<script>alert(1)</script> | a_b \\x1b[31m"}
"""
_VARYING = (
    (r"\d{4}-\d\d-\d\d [\d:]{8}\.\d{3}", "TIME"),
    (r"missiondeck/\S+", "KEY"),
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22,}", "ID"),
    (r"\b[0-9a-f]{64}\b", "HASH"),
    (r"[\d.]+ s \|", "TOOK |"),
    (r"\b\d+:HASH", "SIZE:HASH"),
    (r"Verified: \d+ events of \d+ executions?", "Verified: N events of N executions"),
    (r"(?m)^(\| TIME .*) \d+ \|$", r"\1 N |"),
    (r"mission file \S*/sample", "mission file sample"),
    (r"(?<=\| |y )\w+@[\w.-]+", "USER"),
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    shutil.copytree(ROOT / "sample_missions", folder / "sample_missions")
    assert mission(folder / "home", "run", "sample_missions/rollback.yaml", cwd=folder).code == 1
    (folder / "hostile.yaml").write_text(HOSTILE)
    assert mission(folder / "home", "run", "hostile.yaml", "--detach", cwd=folder).code == 0
    name = "<b>bold</b> | *x*#1"
    for _ in range(100):
        if mission(folder / "home", "approve", name, "ask").code == 0:
            break
    assert mission(folder / "home", "watch", name).code == 1
    return folder


@pytest.fixture
def inside(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Inside:
    shutil.copytree(made / "home", tmp_path / "home")
    monkeypatch.chdir(tmp_path)
    return Inside(tmp_path / "home", monkeypatch, capfd)


class Tags(HTMLParser):
    """Collects the names of all tags and all text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_report_of_a_rollback_is_the_expected_one(inside: Inside) -> None:
    told = inside("audit", "report", "deploy with rollback#1")
    assert told.code == 0
    found = told.out
    for pattern, word in _VARYING:
        found = re.sub(pattern, word, found)
    assert found == EXPECTED.read_text(encoding="utf-8")


def test_the_beginning_tells_what_failed_what_followed_and_who_approved(inside: Inside) -> None:
    told = inside("audit", "report", "--since", "1d").out
    beginning = told[: told.index("## Totals")]
    for words in (
        "The records verify: ",
        "deploy with rollback\\#1, started by ",
        "Step health failed: exit 1: connection refused",
        "Started after the failure: roll\\_back (done), tell\\_operator (done), unlock (done).",
        "gave the approval in step ask (APPROVED): approved by ",
    ):
        assert words in beginning, words


def test_an_approval_and_its_answer_are_told(inside: Inside) -> None:
    found = inside("audit", "report", "--since", "1d", "--format", "json").json
    assert found["summary"]["outcomes"] == {"FAILED": 2}
    assert found["summary"]["approvals"] == 1
    assert found["integrity"]["verdict"] == "INTACT"
    (answer,) = found["executions"][1]["approvals"]
    assert "@" in answer["actor"], "a person has answered, not the engine"
    assert (
        f"gave the approval in step ask (APPROVED): approved by {answer['actor']}" == answer["what"]
    )
    shown = inside("audit", "show", "@last", "--actor", answer["actor"], "--json").json
    assert answer["seq"] in [event["seq"] for event in shown]
    assert sum("approval" in act["what"] for act in found["executions"][1]["acts"]) == 1


def test_nothing_of_a_mission_becomes_markup(inside: Inside) -> None:
    assert inside("audit", "report", "--since", "1d", "--format", "html", "-o", "r.html").code == 0
    text = Path("r.html").read_text(encoding="utf-8")
    seen = Tags(text)
    assert not seen.tags & {"script", "b", "img", "link"}
    assert "<script>alert(1)</script>" in seen.text
    assert "\x1b" not in text
    assert "http" not in text.replace("http-equiv", ""), "it loads nothing"
    assert '<p class="verdict good">The records verify' in text
    assert '<td class="bad">failed</td>' in text
    markdown = inside("audit", "report", "--since", "1d").out
    assert r"\<script\>alert(1)\</script\> \| a\_b" in markdown


def test_a_log_that_does_not_verify_is_told_first(inside: Inside) -> None:
    with sqlite3.connect(inside.home / "missions.db") as connection:
        connection.execute("DROP TRIGGER task_run_sealed")
        connection.execute("UPDATE task_run SET message = 'forged' WHERE message IS NOT NULL")
    connection.close()
    told = inside("audit", "report", "deploy with rollback#1")
    assert told.code == 8
    assert told.out.index("do NOT verify") < told.out.index("deploy with rollback")
    assert told.out.index("MODIFIED") < told.out.index("## Execution")


def test_wrong_options_are_told(inside: Inside) -> None:
    assert inside("audit", "report").code == 2
    assert inside("audit", "report", "--since", "soon").code == 2
    Path("r.md").write_text("mine")
    kept = inside("audit", "report", "--since", "1d", "-o", "r.md")
    assert (kept.code, Path("r.md").read_text()) == (7, "mine")
    assert inside("audit", "report", "--since", "1d", "-o", "no/r.md").code == 9


def test_the_events_of_an_execution_are_shown_and_filtered(inside: Inside) -> None:
    name = "deploy with rollback#1"
    events = inside("audit", "show", name, "--json").json
    assert events[0]["type"] == "execution.created"
    assert events[-1]["type"] == "execution.finalized"
    assert {"seq", "ts", "actor", "target", "details", "hash", "previous_hash"} <= set(events[0])

    def shown(*options: str) -> list[dict[str, object]]:
        found: list[dict[str, object]] = inside("audit", "show", name, "--json", *options).json
        return found

    assert {one["type"] for one in shown("--type", "attempt.started")} == {"attempt.started"}
    assert {one["type"] for one in shown("--type", "attempt")} >= {
        "attempt.started",
        "attempt.ended",
    }
    assert len(shown("--step", "health", "--type", "attempt.ended")) == 2
    assert all(one["actor"] != "engine" for one in shown("--actor", str(events[0]["actor"])))
    middle = str(events[9]["ts"])
    assert len(shown("--since", "2000-01-01T00:00:00Z")) == len(events)
    assert 0 < len(shown("--until", middle)) < len(events)
    assert inside("audit", "show", name, "--step", "healht").code == 4
    assert "saw attempt 2 end FAILED in step health" in inside("audit", "show", name).out
