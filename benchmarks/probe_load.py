"""Prints the CPU seconds of loading a mission file, beside those of the bare parser.

python -m benchmarks.probe_load FILE ROUNDS
"""

import gc
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import yaml

from core.mission_file.load import load_mission


def main(path: Path, rounds: int) -> None:
    """Time both by turns, the garbage collector off for both."""
    text = path.read_text()
    if path.suffix == ".json":
        bare: Callable[[], object] = lambda: json.loads(text)  # noqa: E731 - one of two
    else:
        bare = lambda: yaml.load(text, yaml.CSafeLoader)  # noqa: E731 - the other
    found: dict[str, list[float]] = {"bare": [], "ours": []}
    assert load_mission(path).ok  # also loads the modules that are imported on first use
    gc.disable()
    for _ in range(rounds):
        found["bare"].append(_timed(bare))
        found["ours"].append(_timed(lambda: load_mission(path)))
    print(json.dumps(found))


def _timed(function: Callable[[], object]) -> float:
    start = time.process_time()
    result = function()
    used = time.process_time() - start
    del result  # freeing is no part of it
    return used


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
