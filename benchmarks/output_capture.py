"""The cost of step output: lines captured, stored and sealed, and output beyond the limit."""

import statistics
import sys
from collections.abc import Iterator

from benchmarks.bench import Bench, engine_seconds, environment
from benchmarks.measure import measure
from benchmarks.report import Figure, at_least, at_most

LINE = "2026-01-01T00:00:00.000Z INFO worker 0000007 processed record ok in 12 ms, queue 7"

_MISSION = """\
version: "1.0"
name: output
steps:
  - id: talk
    name: Talk
    step_type: command
    parameters: {{command: {python}, args: [-S, -c, {code!r}]}}
"""
_TALK = 'w=__import__("os").write; d=b"{line}\\n"*780; [w(1, d) for _ in range({times})]'


def output(bench: Bench) -> Iterator[Figure]:
    """Capture a million lines completely, and a gigabyte of which the limit keeps both ends."""
    size = bench.pick(32_000_000, 83_000_000)
    kept = [bench.probe("probe_output", size) for _ in range(bench.rounds)]
    rate = statistics.median(size / 1e6 / run["wall"] for run in kept)
    yield Figure("captured, stored and sealed, wall", rate, "MB/s", at_least(150))
    rate = statistics.median(size / 1e6 / run["cpu"] for run in kept)
    yield Figure("captured, stored and sealed, own CPU", rate, "MB/s")
    lines = statistics.median(run["lines"] / run["wall"] for run in kept)
    yield Figure("lines a second", lines, "")
    stall = statistics.median(run["stall"] for run in kept)
    yield Figure("longest block of the event loop", stall * 1e3, "ms", at_most(20))
    yield from _capped(bench)


def masked(bench: Bench) -> Iterator[Figure]:
    """Mask the same lines on their way to the disk, with one secret and with twenty."""
    size = bench.pick(32_000_000, 300_000_000)
    names = {0: "without secrets", 1: "one secret masked", 20: "twenty secrets masked"}
    runs: dict[int, list[dict[str, float]]] = {secrets: [] for secrets in names}
    for _ in range(bench.rounds):
        for secrets, costs in runs.items():
            costs.append(bench.probe("probe_output", size, secrets))
    for secrets, name in names.items():
        for what in ("wall", "cpu"):
            rate = statistics.median(size / 1e6 / run[what] for run in runs[secrets])
            target = at_least(80) if secrets else None
            yield Figure(f"{name}, {what}", rate, "MB/s", target)


def _capped(bench: Bench) -> Iterator[Figure]:
    home = bench.fresh("output")
    times = bench.pick(1_000, 16_000)
    file = home / "output.yaml"
    code = _TALK.format(line=LINE, times=times)
    file.write_text(_MISSION.format(python=sys.executable, code=code))
    size = times * 780 * (len(LINE) + 1)
    cost = measure([bench.mission, "run", str(file)], cwd=home, env=environment(home))
    seconds = engine_seconds(home)
    yield Figure(f"{size / 1e9:.2g} GB through the cap, wall", size / 1e6 / seconds, "MB/s")
    yield Figure(f"{size / 1e9:.2g} GB through the cap, peak memory", cost.memory, "MB")
