"""`mission init`: every template is a mission that runs, and nothing is overwritten."""

import json
from pathlib import Path

import pytest

from tests.support.cli import mission
from tui.host.mission_templates import template_names, template_summary

DEMANDED = {"pipeline", "fan-out", "deploy", "services", "nightly"}


def test_the_templates_are_listed(tmp_path: Path) -> None:
    assert set(template_names()) >= DEMANDED
    listed = mission(tmp_path / "home", "init", "--list", cwd=tmp_path)
    assert listed.code == 0
    for name in template_names():
        assert f"{name} " in listed.out
        assert template_summary(name) in listed.out
    assert not (tmp_path / "mission.yaml").exists()
    as_json = mission(tmp_path / "home", "init", "--list", "--json", cwd=tmp_path).json
    assert [one["name"] for one in as_json] == list(template_names())


@pytest.mark.parametrize("template", template_names())
def test_a_template_is_valid_and_runs_as_it_is(template: str, tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    folder.mkdir()
    home = tmp_path / "home"
    assert mission(home, "init", "--template", template, cwd=folder).code == 0
    checked = mission(home, "validate", "--json", cwd=folder).json
    assert checked["valid"], checked
    assert checked["diagnostics"] == []
    ran = mission(home, "run", cwd=folder)
    assert ran.code == 0, ran.err
    assert json.loads(mission(home, "show", "shop#1", "--json").out)["state"] == "SUCCESS"


def test_a_deployment_is_rolled_back_when_its_check_fails(tmp_path: Path) -> None:
    home = tmp_path / "home"
    mission(home, "init", "-t", "deploy", "ship.yaml", cwd=tmp_path)
    path = tmp_path / "ship.yaml"
    text = path.read_text("utf-8")
    assert mission(home, "run", "ship.yaml", cwd=tmp_path).code == 0
    first = (tmp_path / "releases" / "current").read_text("utf-8")
    failing = text.replace("run: test -s releases/current", "run: exit 1")
    failing = failing.replace("{max_attempts: 5, initial_interval: 2s}", "{max_attempts: 1}")
    path.write_text(failing, "utf-8")
    assert mission(home, "run", "ship.yaml", cwd=tmp_path).code == 1
    assert (tmp_path / "releases" / "current").read_text("utf-8") == first


def test_a_file_is_overwritten_only_with_force(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (tmp_path / "mission.yaml").write_text("mine", "utf-8")
    refused = mission(home, "init", cwd=tmp_path)
    assert refused.code == 7
    assert "--force" in refused.err
    assert (tmp_path / "mission.yaml").read_text("utf-8") == "mine"
    assert mission(home, "init", "--force", cwd=tmp_path).code == 0


def test_a_file_that_would_be_read_as_json_is_refused(tmp_path: Path) -> None:
    done = mission(tmp_path / "home", "init", "m.json", cwd=tmp_path)
    assert (done.code, done.out) == (2, "")
    assert "write m.yaml instead" in done.err
    assert not (tmp_path / "m.json").exists()
