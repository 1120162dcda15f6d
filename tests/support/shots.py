"""Make the pictures of README and docs: a made-up night at fixed sizes and a clock that stands."""

import asyncio
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core.model import Mission, Param, ParamType
from tests.support.tui import (
    FakeBackend,
    busy_world,
    mission_of,
    nightly,
    running,
    step,
    wait_for_text,
)

FOLDER = Path(__file__).parents[2] / "docs" / "pictures"


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture: the keys that lead there, and what must be in sight before it is taken."""

    name: str
    keys: Sequence[str]
    sights: Sequence[str]
    size: tuple[int, int] = (120, 34)
    at_home: bool = False


SHOTS = (
    Shot("home", (), ("nightly-etl", "release", "60%"), at_home=True),
    Shot("execution", (), ("promote-7", "Why", "replication slot busy")),
    Shot("small", (), ("promote-7", "replication slot busy"), size=(80, 24)),
    Shot("graph", ("2",), ("Clean part a", "publish"), size=(150, 40)),
    Shot("gantt", ("4",), ("elapsed", "at once")),
    Shot("inspector", ("enter", "6"), ("RETRIES_EXHAUSTED", "BACKOFF")),
    Shot("retry", ("R",), ("what follows?", "Keep")),
    Shot("cancel", ("X",), ("SIGTERM", "Keep")),
    Shot("launch", ("1", "j", "n"), ("target", "Plan"), at_home=True),
    Shot("help", ("?",), ("Keys", "next error")),
)


def release() -> Mission:
    """A mission with parameters, for the launch form."""
    params = (
        Param(
            name="target",
            type=ParamType.CHOICE,
            choices=("staging", "production"),
            default="staging",
            description="where to",
        ),
        Param(name="tag", required=True, pattern="^v[0-9.]+$", description="what to release"),
        Param(name="notify", type=ParamType.BOOLEAN, default=True),
    )
    steps = (
        step("test"),
        step("build", "test"),
        step("ship", "build", timeout_seconds=600),
        step("announce", "ship", when="{{ params.notify }}"),
    )
    return mission_of("release", *steps, params=params, description="Test, build and ship a tag")


async def take(shot: Shot, folder: Path) -> None:
    """Write one picture."""
    world, run = busy_world()
    world.begin(run, "fetch-12")
    backend = FakeBackend(world, nightly(), release())
    start = None if shot.at_home else run
    async with running(backend, size=shot.size, start=start) as pilot:
        await wait_for_text(pilot, "nightly-etl", "running")
        await pilot.pause(0.6)
        for key in shot.keys:
            await pilot.press(key)
            await pilot.pause(0.3)
        await wait_for_text(pilot, *shot.sights)
        await pilot.pause(0.2)
        svg = pilot.app.export_screenshot(title="Mission Deck")
    folder.mkdir(parents=True, exist_ok=True)
    unique = re.compile(r"terminal-\d+")  # a number of its own in every picture: no change is none
    (folder / f"{shot.name}.svg").write_text(unique.sub("terminal-deck", svg), encoding="utf-8")


def main(arguments: Sequence[str]) -> None:
    """Make all pictures, or those named."""
    wanted = set(arguments) or {shot.name for shot in SHOTS}
    for shot in SHOTS:
        if shot.name in wanted:
            asyncio.run(take(shot, FOLDER))


if __name__ == "__main__":
    main(sys.argv[1:])
