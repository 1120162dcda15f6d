"""Measure everything, or what is named, and hold it against its targets.

    python -m benchmarks [--quick | --full] [-n ROUNDS] [NAME...]

Figures are medians; contenders of a ratio run in turn within the same session. The results are also
written to `.bench/results.json`. Wall times from a busy machine mean little: use CPU and ratios.
"""

import argparse
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import (
    audit_cost,
    clustering,
    large,
    loading,
    output_capture,
    page,
    running,
    screen,
    spawning,
    startup,
)
from benchmarks.bench import FOLDER, Bench, Benchmark
from benchmarks.measure import MeasureError
from benchmarks.peers import PEERS
from benchmarks.report import QUIET_LOAD_AVERAGE, Figure, as_json, load_average, machine, table

BENCHMARKS: dict[str, Benchmark] = {
    "startup": startup.startup,
    "validate": loading.validate,
    "schedule": loading.schedule,
    "noop": running.noop,
    "true": running.command,
    "chain": running.chain,
    "spawn": spawning.spawn,
    "cluster": clustering.cluster,
    "output": output_capture.output,
    "masked": output_capture.masked,
    "record": audit_cost.record,
    "verify": audit_cost.verify,
    "large": large.large,
    "screen": screen.screen,
}


def main(arguments: list[str]) -> int:
    """Run the benchmarks; the exit code says whether all could be measured, not how they went."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    how_much = parser.add_mutually_exclusive_group()
    how_much.add_argument("--quick", action="store_true", help="small sizes, one round")
    how_much.add_argument("--full", action="store_true", help="100,000 steps as well")
    parser.add_argument("-n", type=int, metavar="ROUNDS", help="runs of each contender")
    parser.add_argument("--docs", action="store_true", help="write docs/performance.md anew")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where to measure, and write")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    options = parser.parse_args(arguments)
    unknown = [name for name in options.names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"no benchmark is called {unknown[0]}: there are {', '.join(BENCHMARKS)}")
    level = 0 if options.quick else 2 if options.full else 1
    options.folder.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix="work-", dir=options.folder))
    bench = Bench(work=work, level=level, rounds=options.n or (1, 5, 5)[level])
    try:
        names = options.names or list(BENCHMARKS)
        return _measure_all(bench, names, options.folder, docs=options.docs)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _measure_all(bench: Bench, names: list[str], folder: Path, *, docs: bool) -> int:
    loads = {"before": load_average()}
    facts = machine()
    print("  ".join(f"{key} {value}" for key, value in facts.items()))
    print(f"load average {loads['before']:.2f}{_warning(loads['before'])}")
    absent = [name for name in PEERS if name not in bench.peers]
    if absent:
        print(f"not here, so not compared with: {', '.join(absent)} (see benchmarks/peers.py)")
    print(flush=True)
    results: dict[str, list[Figure]] = {}
    failures: dict[str, str] = {}
    for name in names:
        start = time.perf_counter()
        figures = results[name] = []
        try:
            figures.extend(BENCHMARKS[name](bench))
        except MeasureError as error:
            failures[name] = str(error)
        print(f"{name}: {(BENCHMARKS[name].__doc__ or '').splitlines()[0]}")
        if figures:
            print(table(figures))
        if name in failures:
            print(f"  not measured: {failures[name]}")
        print(f"  ({time.perf_counter() - start:.0f} s, load {load_average():.2f})\n", flush=True)
    loads["after"] = load_average()
    _summarise(results)
    print(f"load average {loads['after']:.2f}{_warning(loads['after'])}")
    path = folder / "results.json"
    document = {
        "machine": facts, "load": loads, "level": bench.level, "rounds": bench.rounds,
        "results": as_json(results), "failures": failures,
    }  # fmt: skip
    path.write_text(json.dumps(document, indent=2) + "\n")
    print(f"written to {path}")
    if docs:
        page.write(document)
        print(f"written to {page.PAGE} and {page.PICTURE}")
    return 1 if failures else 0


def _summarise(results: dict[str, list[Figure]]) -> None:
    judged = [figure for figures in results.values() for figure in figures if figure.target]
    missed = [figure for figure in judged if figure.verdict == "MISSED"]
    print(f"{len(judged) - len(missed)} of {len(judged)} targets met")
    if missed:
        print("missed:")
        print(table(missed))


def _warning(load: float) -> str:
    return (
        "" if load < QUIET_LOAD_AVERAGE else ": NOT QUIET, wall times are those of a busy machine"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
