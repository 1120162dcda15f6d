"""Where a mission runs: what is said on the command line, in settings and in the mission."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import tui.host.executor_choice
from core.domain.mission import ExecutorKind, MissionConfig
from core.errors import UnavailableError, UsageError
from core.executors.local import LocalExecutor
from tests.support.cli import Inside
from tui.host.executor_choice import chosen_executor

CLUSTER = "dask=tls://cluster.example:8786"
HERE = MissionConfig(executor=ExecutorKind.LOCAL)
THERE = MissionConfig(executor=ExecutorKind.DASK)
ANYWHERE = MissionConfig()
MISSION = """
version: '1.0'
name: m
steps: [{id: a, step_type: command, parameters: {command: "true"}}]
"""

needs_dask = pytest.mark.skipif(find_spec("distributed") is None, reason="needs missiondeck[dask]")


@pytest.fixture
def inside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Inside:
    return Inside(tmp_path, monkeypatch, capfd)


@pytest.mark.parametrize(
    ("setting", "config"), [(None, ANYWHERE), ("local", ANYWHERE), (None, HERE), (CLUSTER, HERE)]
)
def test_processes_run_here_unless_a_cluster_is_asked_for(
    setting: str | None, config: MissionConfig
) -> None:
    assert isinstance(chosen_executor(setting, config), LocalExecutor)


@needs_dask
@pytest.mark.parametrize("config", [ANYWHERE, THERE])
def test_they_run_on_the_cluster_that_is_named(config: MissionConfig) -> None:
    from core.executors.dask.dask_executor import DaskExecutor

    assert isinstance(chosen_executor(CLUSTER, config), DaskExecutor)


def test_a_mission_for_a_cluster_needs_one_to_be_named() -> None:
    with pytest.raises(UnavailableError, match="none is named"):
        chosen_executor(None, THERE)


@needs_dask
@pytest.mark.parametrize(
    "setting",
    [
        *("dask", "dask=", "slurm", "dask=host:8786", "dask=http://host", "dask=tls://"),
        *("dask=tls://host:port", "dask=tls://host/path", "dask=tls://user@host"),
        *("dask=tcp://10.0.0.1:8786", "dask=tcp://cluster.example"),
    ],
)
def test_what_is_no_address_or_not_encrypted_is_refused(setting: str) -> None:
    with pytest.raises(UsageError):
        chosen_executor(setting, ANYWHERE)


@needs_dask
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "127.8.8.8:1"])
def test_loopback_needs_no_encryption(host: str) -> None:
    chosen_executor(f"dask=tcp://{host}", ANYWHERE)


def test_without_the_extra_it_is_said_how_to_install_it(
    inside: Inside, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing(name: str) -> Any:
        return None

    monkeypatch.setattr(tui.host.executor_choice, "find_spec", nothing)
    (tmp_path / "m.yaml").write_text(MISSION)

    for command in (
        ("run", str(tmp_path / "m.yaml"), "--executor", CLUSTER),
        ("worker", "tls://cluster.example:8786"),
    ):
        answer = inside(*command)
        assert answer.code == 9
        assert "pip install 'missiondeck[dask]'" in answer.err
    assert inside("ls", "--json").json == []


def test_a_project_cannot_send_processes_to_another_machine(
    inside: Inside, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".mission.toml").write_text(f'executor = "{CLUSTER}"\n')

    answer = inside("doctor", "--json")

    assert "executor is ignored" in answer.out
    assert "cluster.example" not in answer.out.replace(str(tmp_path), "")


def test_a_setting_that_is_no_executor_is_refused(
    inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MISSION_EXECUTOR", "slurm")

    answer = inside("doctor")

    assert "`slurm` is no executor" in answer.out
    assert answer.code == 9
