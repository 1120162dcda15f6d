"""Labels and titles: given to a run, recorded with it, and found by `mission ls`."""

from pathlib import Path

import pytest

from storage.read.reader import open_reader
from tests.support.cli import Inside, mission
from tui.search.home_filter import parse_execution_filter

MISSION = """version: "1.0"
name: {}
steps:
  - {{id: a, step_type: noop}}
"""


@pytest.fixture
def inside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Inside:
    monkeypatch.chdir(tmp_path)
    for name in ("one", "two"):
        (tmp_path / f"{name}.yaml").write_text(MISSION.format(name))
    return Inside(tmp_path / "home", monkeypatch, capfd)


def test_executions_are_found_by_the_labels_that_they_were_given(
    inside: Inside, tmp_path: Path
) -> None:
    given = ("-l", "team=blue", "-l", "env=a=b", "--title", "Nightly build")
    assert inside("run", "one.yaml", "-q", *given).code == 0
    assert inside("run", "two.yaml", "-q", "-l", "team=red").code == 0
    assert inside("run", "two.yaml", "-q").code == 0

    def found(*labels: str) -> list[str]:
        words = [word for label in labels for word in ("-l", label)]
        return [one["reference"] for one in inside("ls", "--json", *words).json]

    assert found("team") == ["two#1", "one#1"]
    assert found("team=blue") == found("team=blue", "env=a=b") == ["one#1"]
    assert found("team=blu") == found("team=") == found("TEAM") == []
    assert found() == ["two#2", "two#1", "one#1"]
    assert "no run with these labels" in inside("ls", "-l", "team=green").err
    assert inside("ls", "--since", "1h", "--ids", "-l", "team=blue").out.count("\n") == 1
    assert inside("ls", "--until", "1h", "--ids").out == ""
    assert "created in this time" in inside("ls", "--until", "1h").err
    assert inside("ls", "--since", "soon").code == 2
    shown = inside("show", "one", "--json").json
    assert (shown["labels"], shown["title"]) == ({"team": "blue", "env": "a=b"}, "Nightly build")
    assert inside("ls", "-l", "=blue").code == 2
    reader = open_reader(tmp_path / "home/missions.db")
    query = parse_execution_filter("label:team=blue label:env", 0).query
    assert [one.title for one in reader.executions(query)] == ["Nightly build"]
    assert sum(reader.count_executions(query).values()) == 1

    def filtered(text: str) -> list[str]:
        found = parse_execution_filter(text, 0)
        assert found.problems == ()
        return [f"{one.mission_name}#{one.run_number}" for one in reader.executions(found.query)]

    assert filtered("label:team") == ["two#1", "one#1"]
    assert filtered("!label:team=blue") == ["two#2", "two#1"]
    assert filtered("!label:team") == filtered("-label:team name:two") == ["two#2"]
    assert filtered("label:Team") == filtered("label:team=Blue") == []
    reader.close()
    assert inside("audit", "verify").code == 0


def test_a_mission_has_labels_of_its_own_which_a_launch_may_replace_and_a_rerun_keeps(
    inside: Inside, tmp_path: Path
) -> None:
    text = 'version: "1.0"\nname: own\nlabels: {team: red, tier: gold}\n'
    (tmp_path / "own.yaml").write_text(text + "steps: [{id: a, step_type: noop}]\n")

    assert inside("run", "own.yaml", "-q").code == 0
    assert inside("run", "own.yaml", "-q", "-l", "team=blue", "--title", "T").code == 0
    assert mission(inside.home, "rerun", "own#2", "--watch").code == 0

    found = {one["reference"]: one for one in inside("ls", "--json").json}
    assert found["own#1"]["labels"] == {"team": "red", "tier": "gold"}
    assert found["own#2"]["labels"] == {"team": "blue", "tier": "gold"}
    assert (found["own#3"]["labels"], found["own#3"]["title"]) == (found["own#2"]["labels"], "T")


@pytest.mark.parametrize(
    ("labels", "place"),
    [
        ("[a]", ":3:9"),
        ("{team: 1}", ":3:16"),
        ("{1x: a}", ":3:10"),
        ('{team: ""}', ":3:16"),
        ('{team: "a\\nb"}', ":3:16"),
    ],
)
def test_labels_that_cannot_be_are_refused_with_their_place(
    inside: Inside, tmp_path: Path, labels: str, place: str
) -> None:
    text = f'version: "1.0"\nname: own\nlabels: {labels}\nsteps: [{{id: a, step_type: noop}}]\n'
    (tmp_path / "own.yaml").write_text(text)

    refused = inside("validate", "own.yaml")

    assert refused.code == 3
    assert f"own.yaml{place}: error" in refused.out + refused.err


@pytest.mark.parametrize(
    "options",
    [("-l", "x"), ("-l", "1=x"), ("-l", "a="), ("-l", "a=b", "-l", "a=c"), ("--title", "a\nb")],
)
def test_a_bad_label_is_refused(inside: Inside, options: tuple[str, ...], tmp_path: Path) -> None:
    done = inside("run", "one.yaml", *options)
    assert done.code == 2
    assert "Traceback" not in done.err
    assert not (tmp_path / "home/missions.db").exists()
