"""Make the pictures of README and docs.

Most are of a made-up night at fixed sizes and a clock that stands. Those of the journeys are taken
on a real terminal while the journey is made, of real runs: they are written anew only if more than
times and other numbers has changed.
"""

import asyncio
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.journeys import JOURNEYS, Journey
from tests.support.terminal_picture import same_but_for_numbers
from tests.support.tui import running, wait_for_text
from tests.support.walk import Walk
from tests.tools.fan_out_world import a_fleet
from tests.tools.log_world import a_colourful_import
from tests.tools.shot_worlds import (
    Stage,
    Staging,
    a_busy_night,
    a_failed_release,
    a_failed_survey,
    a_release_under_way,
    a_runaway,
    a_shared_screen,
)
from tui.look.svg_picture import tidy

FOLDER = Path(__file__).parents[2] / "docs" / "pictures"
JOURNEY_FOLDER = Path(tempfile.gettempdir()) / "nightly"
"""Where journeys are made: pictures show it, so it is the same each time."""
JOURNEY_SIZES = {"": (120, 40), "-80": (80, 24)}
"""The sizes of the pictures of journeys, by what is added to their names."""


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture: the keys that lead there, and what must be in sight before it is taken."""

    name: str
    keys: Sequence[str]
    sights: Sequence[str]
    size: tuple[int, int] = (120, 34)
    at_home: bool = False
    stage: Staging = a_busy_night


def a_fan_out() -> Stage:
    """A fan-out over 300 hosts, some of which failed."""
    return Stage(*a_fleet())


def a_log() -> Stage:
    """A failed step whose log has colours, records and a gap in time."""
    return Stage(*a_colourful_import())


HOME_SIGHTS = ("NEEDS YOU 3", "you may answer", "given  target=production", "not found on origin")
SHOTS = (
    Shot("home", ("j", "j"), HOME_SIGHTS, (120, 40), at_home=True, stage=a_shared_screen),
    Shot("wall", ("W",), ("waiting for you", "RUNNING"), at_home=True, stage=a_shared_screen),
    Shot("small", (), ("promote-7", "replication slot busy"), size=(80, 24)),
    Shot("graph", ("2",), ("Clean part a", "publish"), size=(150, 40)),
    Shot("gantt", ("4",), ("elapsed", "at once")),
    Shot("inspector", ("enter", "6"), ("RETRIES_EXHAUSTED", "BACKOFF")),
    Shot("launch", ("1", "j", "n", "tab", *"v2.4.0"), ("v2.4.0", "Plan", "smoke"), at_home=True),
    Shot("watch", ("j",), ("build-amd64", "linking", "retry in"), stage=a_release_under_way),
    Shot("why", (), ("h-difffit-231", "NAXIS2", "why"), stage=a_failed_survey),
    Shot("where", ("2", "z"), ("difffit", "colour-view"), size=(190, 18), stage=a_failed_survey),
    Shot("past", ("4", *"<<<<"), ("THE PAST", "elapsed"), stage=a_release_under_way),
    Shot("compare", ("D",), ("compared with release#1", "503"), stage=a_failed_release),
    Shot("history", ("H",), ("mission release", "decided runs"), stage=a_failed_release),
    Shot("retry", ("R",), ("downstream?", "86 downstream", "Keep"), stage=a_failed_survey),
    Shot("fan-out", (), ("renew ×300", "×31", "usually"), stage=a_fan_out),
    Shot("log", ("l",), ("slow query", "42s later"), size=(120, 30), stage=a_log),
    Shot("cancel", ("X",), ("4 running steps get SIGTERM", "Keep"), stage=a_runaway),
)


async def take(shot: Shot, folder: Path) -> None:
    """Write one picture."""
    stage = shot.stage()
    start = None if shot.at_home else stage.run
    async with running(stage.backend, size=shot.size, start=start) as pilot:
        name = stage.backend.world.runs[stage.run].mission.name
        await wait_for_text(pilot, name)
        await pilot.pause(0.6)
        for key in shot.keys:
            await pilot.press(key)
            await pilot.pause(0.3)
        await wait_for_text(pilot, *shot.sights)
        await pilot.pause(0.2)
        svg = tidy(pilot.app.export_screenshot(title="Mission Deck"))
    folder.mkdir(parents=True, exist_ok=True)
    unique = re.compile(r"terminal-\d+")  # a number of its own in every picture: no change is none
    (folder / f"{shot.name}.svg").write_text(unique.sub("terminal-deck", svg), encoding="utf-8")


def make_journey(journey: Journey, folder: Path) -> None:
    """Make a journey at each size, and write the pictures that were taken on the way."""
    for suffix, (columns, rows) in JOURNEY_SIZES.items():
        JOURNEY_FOLDER.mkdir()  # refused if it is there: it is somebody else's
        walk = Walk(JOURNEY_FOLDER, columns=columns, rows=rows)
        try:
            journey.walk(walk)
        finally:
            walk.leave()
            shutil.rmtree(JOURNEY_FOLDER)
        for name, svg in walk.pictures.items():
            path = folder / f"journey-{name}{suffix}.svg"
            before = path.read_text(encoding="utf-8") if path.exists() else ""
            if not same_but_for_numbers(before, svg):
                path.write_text(svg, encoding="utf-8")


def main(arguments: Sequence[str]) -> None:
    """Make all pictures, or those named."""
    os.environ["TZ"] = "UTC"  # the same times of day wherever they are made
    time.tzset()
    for shot in SHOTS:
        if not arguments or shot.name in arguments:
            asyncio.run(take(shot, FOLDER))
    for journey in JOURNEYS:
        if not arguments or f"journey-{journey.name}" in arguments:
            make_journey(journey, FOLDER)


if __name__ == "__main__":
    main(sys.argv[1:])
