"""The preview of an execution at home, as lines."""

from msgspec.structs import replace

from core.domain.states import Coverage
from tests.support.tui import FakeWorld, mission_of, step
from tui.lines.preview_lines import preview_lines
from tui.live.home.run_preview import RunPreview


def test_a_run_of_some_steps_is_told_apart_from_one_of_all() -> None:
    world = FakeWorld()
    run = world.launch(mission_of("m", step("a")))
    world.run_step(run, "a")
    whole = world.runs[run].execution()
    part = replace(whole, coverage=Coverage.SUBSET)
    for one, is_subset in ((whole, False), (part, True)):
        first, *_rest = preview_lines(RunPreview(one), actor="ada", width=80, height=20, now=0)
        assert (" subset" in "".join(text for text, _style in first)) is is_subset
