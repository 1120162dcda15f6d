"""The keys that say where steps run."""

import pytest

from core.domain.mission import ExecutorKind
from core.mission_file.finding.code import Code
from core.mission_file.load import load_mission

HEAD = "version: '1.0'\nname: m\n"
STEP = "steps: [{id: a, step_type: command, parameters: {command: ls}"


def codes(text: str) -> list[Code]:
    return [found.code for found in load_mission(HEAD + text).diagnostics]


def test_a_step_may_name_amounts_and_tags() -> None:
    config = "config: {runs_on: {gpu: 2}, executor: dask, shared_folders: [/data]}\n"
    loaded = load_mission(HEAD + config + STEP + ", runs_on: {gpu: 0.5, tag: big}}]")

    assert loaded.mission is not None, loaded.diagnostics
    assert loaded.mission.steps[0].runs_on == {"gpu": 0.5, "tag": "big"}
    assert loaded.mission.config.runs_on == {"gpu": 2}
    assert loaded.mission.config.executor is ExecutorKind.DASK
    assert loaded.mission.config.shared_folders == ("/data",)
    assert loaded.diagnostics == ()


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ("[gpu]", Code.WRONG_TYPE),
        ("{gpu: 0}", Code.BAD_VALUE),
        ("{gpu: -1}", Code.BAD_VALUE),
        ("{gpu: true}", Code.BAD_VALUE),
        ("{gpu: .inf}", Code.NUMBER_RANGE),
        ("{tag: 'a b'}", Code.BAD_VALUE),
        ("{tag: ''}", Code.BAD_VALUE),
        ("{'a=b': 1}", Code.BAD_NAME),
        ("{'': 1}", Code.BAD_NAME),
    ],
)
def test_what_is_no_resource_is_refused(wanted: str, code: Code) -> None:
    assert codes(f"{STEP}, runs_on: {wanted}}}]") == [code]


@pytest.mark.parametrize("folders", ["/data", "[data]", "['/a/../b']", "[1]"])
def test_a_shared_folder_is_an_absolute_path(folders: str) -> None:
    assert codes(f"config: {{shared_folders: {folders}}}\n{STEP}}}]") != []


def test_a_step_without_a_process_runs_on_no_worker() -> None:
    assert codes("steps: [{id: a, step_type: noop, runs_on: {gpu: 1}}]") == [Code.BAD_VALUE]


def test_a_cluster_without_a_shared_folder_is_pointed_out() -> None:
    assert codes("config: {executor: dask}\n" + STEP + "}]") == [Code.NOT_SHARED]
