"""The benchmarks measure what they say: the workloads are right, and the tool runs. No timing."""

import itertools
import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.report import Figure, at_least, at_most, number, table
from benchmarks.workload import LAYER, Workload
from core.graph.dag import Graph
from core.mission_file.load import load_mission

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("one", "chain_40", "wide_40", "layered_40", "layered_450")


def needs_of(name: str) -> dict[str, tuple[str, ...]]:
    return dict(Workload.named(name).steps())


@pytest.mark.parametrize("name", NAMES)
def test_a_workload_has_as_many_steps_as_its_name_says_each_behind_its_needs(name: str) -> None:
    load = Workload.named(name)
    seen: set[str] = set()
    for step, needs in load.steps():
        assert seen.issuperset(needs)
        assert step not in seen
        seen.add(step)
    assert len(seen) == load.size
    assert load.name == name


@pytest.mark.parametrize("name", ["chain", "one_3", "star_9", "", "chain_x"])
def test_an_unknown_workload_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"workload|literal"):
        Workload.named(name)


def test_shapes_have_the_edges_they_are_named_for() -> None:
    chain = list(needs_of("chain_5").items())
    assert [needs for _, needs in chain] == [(), *((step,) for step, _ in chain[:-1])]
    assert set(needs_of("wide_7").values()) == {()}
    assert needs_of("one") == {"s000000": ()}


def test_each_layer_needs_two_or_three_steps_of_the_layer_before_it() -> None:
    steps = list(Workload.named("layered_450").steps())
    names = [step for step, _ in steps]
    assert all(not needs for _, needs in steps[:LAYER])
    for at, (_, needs) in enumerate(steps[LAYER:], LAYER):
        first = (at // LAYER - 1) * LAYER
        assert len(needs) == len(set(needs)) in {2, 3}
        assert set(needs) <= set(names[first : first + LAYER])


def test_a_workload_is_the_same_every_time() -> None:
    assert needs_of("layered_450") == needs_of("layered_450")
    assert list(needs_of("layered_450"))[:200] == list(needs_of("layered_200"))
    assert needs_of("layered_200").items() <= needs_of("layered_450").items()


@pytest.mark.parametrize("kind", ["noop", "true", "wait"])
@pytest.mark.parametrize("name", ["one", "chain_9", "layered_250"])
def test_both_formats_hold_the_same_valid_mission(tmp_path: Path, name: str, kind: str) -> None:
    load = Workload.named(name)
    found = []
    for suffix in ("yaml", "json"):
        path = load.write_mission(tmp_path / f"m.{suffix}", kind, parallel_limit=3)
        loaded = load_mission(path)
        assert loaded.ok, loaded.diagnostics
        assert loaded.diagnostics == ()
        assert loaded.mission is not None
        found.append(loaded.mission)
    yaml, json_mission = found
    assert yaml == json_mission
    assert yaml.config.parallel_limit == 3
    assert [(step.id, step.depends_on) for step in yaml.steps] == list(load.steps())
    assert len(Graph.of(yaml)) == load.size


def test_ninja_and_make_get_the_same_graph(tmp_path: Path) -> None:
    load = Workload.named("layered_250")
    ninja = [
        line.removeprefix("build ").replace(": step", ":").split()
        for line in load.write_ninja(tmp_path).read_text().splitlines()
        if line.startswith("build ")
    ]
    lines = load.write_make(tmp_path).read_text().splitlines()
    make = [line.split() for line, recipe in itertools.pairwise(lines) if recipe == "\t@true"]
    wanted = [[f"{step}:", *needs] for step, needs in load.steps()]
    assert ninja == wanted
    assert make == wanted
    assert lines[1].split() == ["all:", *(step for step, _ in load.steps())]


def test_a_target_tells_aim_condition_and_miss_apart() -> None:
    cost, rate = at_most(150, 300), at_least(100)
    assert [cost.verdict(value) for value in (150, 151, 300, 301)] == [
        "met", "must met", "must met", "MISSED",
    ]  # fmt: skip
    assert [rate.verdict(value) for value in (100, 99)] == ["met", "MISSED"]
    assert str(cost) == "≤ 150 (must ≤ 300)"
    assert str(rate) == "≥ 100"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (1.2345, "1.23"), (12.345, "12.3"), (1234.5, "1,234"), (0.01234, "0.0123")],
)
def test_numbers_have_three_digits_that_mean_something(value: float, text: str) -> None:
    assert number(value) == text


def test_the_table_shows_ratios_with_their_verdict() -> None:
    text = table([Figure("wall by ninja's", 1.2, "x", at_most(1.0, 1.5)), Figure("wall", 3, "ms")])
    assert text.splitlines() == [
        "  wall by ninja's  1.20 ×   ≤ 1.00 (must ≤ 1.50)  must met",
        "  wall             3.00 ms",
    ]


def bench(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", "--folder", str(folder), *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_quick_session_prints_figures_and_ratios_and_writes_them_down(tmp_path: Path) -> None:
    done = bench(tmp_path, "--quick", "startup")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "run, one step, CPU by empty Python's" in done.stdout
    assert " ×" in done.stdout
    assert "load average" in done.stdout
    results = json.loads((tmp_path / "results.json").read_text())
    figures = {figure["name"]: figure for figure in results["results"]["startup"]}
    assert figures["--version: modules that draw or fetch"]["value"] == 0
    assert figures["run, one step: modules that draw or fetch"]["value"] == 0
    assert figures["run, one step, wall"]["target"]["aim"] == 400
    assert figures["run, one step, wall"]["verdict"] in {"met", "MISSED"}
    assert results["machine"]["processors"] >= 1
    assert str(tmp_path) not in json.dumps(results)
    assert [path.name for path in tmp_path.iterdir()] == ["results.json"]


def test_an_unknown_benchmark_is_a_usage_error_that_lists_all(tmp_path: Path) -> None:
    done = bench(tmp_path, "speed")
    assert done.returncode == 2
    assert "startup" in done.stderr
