"""The benchmarks measure what they say: the workloads are right, and the tool runs. No timing."""

import itertools
import json
import subprocess
import sys
from functools import partial
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from benchmarks import page
from benchmarks.measure import Cost, Spread, interleave
from benchmarks.peers import PEERS
from benchmarks.report import Figure, as_json, at_least, at_most, number, table
from benchmarks.workload import LAYER, TRUE, Workload
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
    make = [line.split() for line, recipe in itertools.pairwise(lines) if recipe == f"\t@{TRUE}"]
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
    ratio = Figure("wall by ninja's", 1.2, "x", at_most(1.0, 1.5), least=1.1, greatest=1.4)
    assert table([ratio, Figure("wall", 3, "ms")]).splitlines() == [
        "  wall by ninja's  1.20 ×   1.10–1.40  ≤ 1.00 (must ≤ 1.50)  must met",
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
    assert "run, CPU by empty Python's" in done.stdout
    assert " ×" in done.stdout
    assert "load average" in done.stdout
    results = json.loads((tmp_path / "results.json").read_text())
    figures = {figure["name"]: figure for figure in results["results"]["startup"]}
    run = figures["run, CPU"]
    assert run["target"]["aim"] == 200
    assert run["verdict"] in {"met", "MISSED"}
    assert run["least"] <= run["value"] <= run["greatest"]
    assert results["machine"]["processors"] >= 1
    assert str(tmp_path) not in json.dumps(results)
    assert [path.name for path in tmp_path.iterdir()] == ["results.json"]


def test_an_unknown_benchmark_is_a_usage_error_that_lists_all(tmp_path: Path) -> None:
    done = bench(tmp_path, "speed")
    assert done.returncode == 2
    assert "startup" in done.stderr


RESULTS = {
    "machine": {
        "processors": 2, "machine": "x86_64", "system": "Linux", "kernel": "6", "python": "3.11.7",
        "sqlite": "3.40",
    },
    "load": {"before": 0.1, "after": 0.2},
    "results": as_json(
        {
            "true": [
                Figure("layered_1000, mission, wall a step", 1.2, "ms", None, 1.1, 1.3),
                Figure("layered_1000, mission, CPU a step", 1.4, "ms", None, 1.4, 1.4),
                Figure("layered_1000, ninja, wall a step", 0.8, "ms", None, 0.7, 0.9),
                Figure("layered_1000, ninja, CPU a step", 1.5, "ms", None, 1.5, 1.6),
                Figure("layered_1000, wall by ninja's", 1.6, "x", at_most(1.5), 1.5, 1.7),
            ]
        }
    ),
}  # fmt: skip


def test_the_page_gets_the_figures_and_the_picture_of_a_session(tmp_path: Path) -> None:
    text, picture = tmp_path / "performance.md", tmp_path / "performance.svg"
    text.write_text(f"# Performance\n\n{page.BEGIN}\nold\n{page.END}\n\nrest\n")
    for _ in range(2):
        page.write(RESULTS, text, picture)
    before, _, after = text.read_text().partition(page.BEGIN)
    assert before == "# Performance\n\n"
    assert after.endswith(f"{page.END}\n\nrest\n")
    assert "old" not in after
    row = "| `true`: layered_1000, wall by ninja's | 1.60 × | 1.50–1.70 | ≤ 1.50 | **missed** |"
    assert row in after.splitlines()
    assert "wall a step" not in after  # what has no target stands in the picture
    drawn = ET.fromstring(picture.read_text())
    words = ["".join(one.itertext()) for one in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert [word for word in words if word in {"ninja", "mission"}] == ["ninja", "mission"]
    assert "layered, 1,000 steps" in words
    assert "](pictures/performance.svg)" in after


def test_a_session_without_contenders_has_no_picture(tmp_path: Path) -> None:
    text, picture = tmp_path / "performance.md", tmp_path / "performance.svg"
    text.write_text(f"{page.BEGIN}\n{page.END}\n")
    page.write({**RESULTS, "results": {}}, text, picture)
    assert not picture.exists()
    assert "pictures/" not in text.read_text()


def test_the_page_has_a_place_for_the_figures() -> None:
    text = page.PAGE.read_text("utf-8")
    assert text.count(page.BEGIN) == text.count(page.END) == 1


def test_slow_contenders_take_part_in_fewer_rounds() -> None:
    ran = []

    def run(name: str) -> Cost:
        ran.append(name)
        return Cost(len(ran), 1, 1)

    found = interleave(
        {"fast": partial(run, "fast"), "slow": partial(run, "slow")}, 3, at_most={"slow": 1}
    )
    assert ran == ["fast", "slow", "fast", "fast"]
    assert found["fast"].wall == Spread(3, 1, 4)
    assert found["slow"].wall_by(found["fast"]) == Spread(2, 2, 2)


@pytest.mark.parametrize("name", PEERS)
def test_each_peer_gets_every_step(name: str, tmp_path: Path) -> None:
    load = Workload.named("layered_250")
    command = PEERS[name].write(f"/opt/{name}", load, tmp_path, 3)
    written = "".join(path.read_text() for path in tmp_path.iterdir())
    assert all(step in written for step, _ in load.steps())
    assert TRUE in written
    assert command[0].startswith("/opt")
    assert "3" in "".join(command)


def test_peers_that_are_not_here_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert PEERS["doit"].find(tmp_path) is None
    program = tmp_path / "doit" / "bin" / "doit"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o700)
    assert PEERS["doit"].find(tmp_path) == str(program)
