import random
import threading
from collections.abc import Callable
from typing import Any

import pytest
from rich.cells import cell_len
from textual.app import App, ComposeResult
from textual.message import Message

from core.domain.reasons import Reason
from core.domain.states import AttemptState, TaskState
from tests.support.graphs import Upstream, chain, ids_of, tangle
from tui.layout.tree_layout import TreeRow, lay_tree
from tui.live.node_status import NodeStatus
from tui.look.theme import THEMES
from tui.widgets.gantt.gantt_chart import Chart
from tui.widgets.gantt.gantt_row import AttemptSpan
from tui.widgets.gantt.gantt_view import GanttView
from tui.widgets.graph.tree_view import TreeView

SECOND = 1_000_000_000
ZERO = 1_760_000_000 * SECOND
SIZES = [(1, 1), (8, 4), (40, 12), (80, 24), (120, 40), (240, 60)]


def test_items_stand_below_their_fan_out_and_those_without_a_row_count_as_load() -> None:
    chart = Chart(lambda: ZERO + 10 * SECOND)
    chart.parents = {"each[0]": "each", "each[1]": "each"}
    done = AttemptState.SUCCESS
    chart.hidden = [AttemptSpan("each[0]", 1, done, ZERO, ZERO + 10 * SECOND)]
    chart.take(
        [
            AttemptSpan("each[1]", 1, done, ZERO + SECOND, ZERO + 10 * SECOND),
            AttemptSpan("between", 1, done, ZERO + SECOND // 2, ZERO + SECOND),
            AttemptSpan("each", 1, done, ZERO, ZERO + 10 * SECOND, holds_slot=False),
        ]
    )
    assert [row.task_id for row in chart.rows] == ["each", "each[1]", "between"]
    assert max(chart.frame(100).busy) == pytest.approx(2)


class OneView(App[None]):
    """One view on the whole screen; keeps what it says."""

    def __init__(self, view: Any, fill: Callable[[Any], object]) -> None:
        super().__init__()
        self.register_theme(THEMES[0])
        self.theme = THEMES[0].name
        self.view = view
        self.fill = fill
        self.said: list[Message] = []

    def compose(self) -> ComposeResult:
        yield self.view

    def on_mount(self) -> None:
        self.fill(self.view)
        self.view.focus()

    def on_step_canvas_selected(self, event: GanttView.Selected) -> None:
        self.said.append(event)

    def on_step_canvas_opened(self, event: GanttView.Opened) -> None:
        self.said.append(event)

    @property
    def lines(self) -> list[str]:
        """What the screen shows."""
        return ["".join(s.text for s in line) for line in self.screen._compositor.render_strips()]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


def span(
    task_id: str,
    start: float,
    end: float | None = None,
    *,
    attempt: int = 1,
    state: AttemptState = AttemptState.SUCCESS,
    queued: float | None = None,
) -> AttemptSpan:
    def at(seconds: float) -> int:
        return ZERO + round(seconds * SECOND)

    ended = None if end is None else at(end)
    return AttemptSpan(
        task_id, attempt, state, at(start), ended, None if queued is None else at(queued)
    )


RUN = [
    span("fetch", 0, 10),
    span("build", 10, 20, attempt=1, state=AttemptState.FAILED, queued=5),
    span("build", 25, 40, attempt=2),
    span("ship", 40, None, state=AttemptState.RUNNING),
]


def gantt(now: float, **options: Any) -> GanttView:
    return GanttView(now=lambda: ZERO + round(now * SECOND), ascii_only=False, **options)


async def test_attempts_queueing_backoff_and_load_are_drawn_on_one_axis() -> None:
    view = gantt(50)
    app = OneView(view, lambda v: (v.set_spans(RUN), v.set_slots(4)))
    async with app.run_test(size=(117, 12)) as pilot:
        await pilot.pause()
        axis, load, fetch, build, ship = app.lines[:5]
        assert "╷0" in axis
        assert "╷10s" in axis
        assert "at once 1/4" in load
        assert "✓ fetch" in fetch
        assert "░" in build
        assert "╌" in build
        assert "✗✓" in build
        assert build.index("░") < build.index("█") < build.index("╌")
        assert "▶ ship" in ship
        assert "█│10s" in ship, "a bar that reaches now has its time behind it"
        bars = fetch.count("█")
        assert bars == pytest.approx(106 / 5, abs=5)
        assert build.count("█") == pytest.approx(2.5 * bars, abs=3)


async def test_a_step_that_waits_for_its_next_attempt_shows_until_when() -> None:
    view = gantt(22)
    app = OneView(view, lambda v: v.set_spans(RUN[:2]))
    waiting = NodeStatus(TaskState.WAITING, 1, 3, Reason.BACKOFF, resume_at=ZERO + 25 * SECOND)
    async with app.run_test(size=(100, 10)) as pilot:
        view.set_states({"build": waiting})
        await pilot.pause()
        row = next(line for line in app.lines if "build" in line)
        assert "↻ build" in row
        assert "╌╌│10s" in row, "the wait goes on at the line of now"


async def test_newer_attempts_replace_older_records_of_themselves() -> None:
    view = gantt(60)
    app = OneView(view, lambda v: v.set_spans(RUN))
    async with app.run_test(size=(100, 10)) as pilot:
        view.update_spans([span("ship", 40, 45), span("late", 46, 50)])
        await pilot.pause()
        assert "✓ ship" in app.text
        assert "5s" in app.text
        assert "late" in app.text
        assert len(view.chart.rows) == 4


async def test_zooming_keeps_the_selected_bar_in_sight() -> None:
    spans = [span(f"step-{n:02}", 10 * n, 10 * n + 9) for n in range(60)]
    view = gantt(0)
    app = OneView(view, lambda v: v.set_spans(spans))
    async with app.run_test(size=(100, 70)) as pilot:
        view.selection = "step-07"
        await pilot.press("plus", "plus", "plus")
        await pilot.pause()
        rows = {line.split()[1]: line for line in app.lines if "step-" in line}
        assert "█" in next(line for line in app.lines if "step-07" in line)
        assert "›" in next(line for line in app.lines if "step-55" in line)
        assert rows
        view.selection = "step-55"
        await pilot.pause()
        assert "█" in next(line for line in app.lines if "step-55" in line)
        assert "‹" in next(line for line in app.lines if "step-07" in line)
        await pilot.press("left", "0")
        await pilot.pause()
        assert "›" not in app.text


async def test_the_rows_tell_the_selection_and_take_it() -> None:
    view = gantt(50)
    app = OneView(view, lambda v: v.set_spans(RUN))
    async with app.run_test(size=(100, 10)) as pilot:
        view.selection = "ship"
        await pilot.pause()
        assert app.said == []
        await pilot.press("k", "enter")
        assert [type(event) for event in app.said] == [GanttView.Selected, GanttView.Opened]
        assert view.selection == "build"


async def test_before_anything_started_the_chart_says_so() -> None:
    app = OneView(gantt(0), lambda v: v.update_spans([]))
    async with app.run_test(size=(80, 12)) as pilot:
        await pilot.pause()
        assert "nothing has started yet" in app.text


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("ascii_only", [False, True])
async def test_any_attempts_are_drawn_at_any_size(size: tuple[int, int], ascii_only: bool) -> None:
    choice = random.Random(4)
    spans = [
        span(
            f"[b]s{n % 40}[/] 名\x1b[2J" if n % 7 else "x" * 90,
            start := choice.random() * 1e5,
            None if n % 11 == 0 else start + choice.random() * choice.choice([1e-6, 1, 1e4]),
            attempt=n // 40 + 1,
            state=choice.choice(list(AttemptState)),
            queued=start - 5 if n % 3 else None,
        )
        for n in range(200)
    ]
    view = GanttView(now=lambda: ZERO + 10**5 * SECOND, ascii_only=ascii_only)
    app = OneView(view, lambda v: v.set_spans(spans))
    async with app.run_test(size=size) as pilot:
        for keys in ([], ["plus"] * 20, ["left"], ["right"], ["G"], ["0"]):
            await pilot.press(*keys)
            await pilot.pause()
            assert all(cell_len(line) == size[0] for line in app.lines)
            assert "\x1b" not in app.text
        if ascii_only:
            assert not set(app.text) & set("█░╌▏╷↻✓✗")


PIPELINE: Upstream = [[], [0], [0, 1], [1, 2]]
NAMES = ["fetch", "clean", "join", "ship"]


async def test_a_tree_puts_steps_under_their_first_parent_and_notes_the_others() -> None:
    view = TreeView(ascii_only=False, now=lambda: ZERO)
    app = OneView(view, lambda v: v.set_graph(NAMES, PIPELINE))
    async with app.run_test(size=(60, 8)) as pilot:
        view.set_states({"fetch": TaskState.SUCCESS, "join": TaskState.FAILED})
        await pilot.pause()
        assert [line[1:].rstrip() for line in app.lines[:4]] == [
            "✓ fetch  done",
            "├─○ clean  pending",
            "│ ╰─○ ship  pending  + join",
            "╰─✗ join  failed  + clean",
        ]


async def test_an_only_child_continues_the_level_of_its_parent() -> None:
    view = TreeView(ascii_only=False, now=lambda: ZERO)
    app = OneView(view, lambda v: v.set_graph(NAMES, chain(4)))
    async with app.run_test(size=(60, 8)) as pilot:
        await pilot.pause()
        starts = [line[1:].split()[0] for line in app.lines[:4]]
        assert starts == ["○", "╰─○", "↳○", "↳○"]


async def test_folding_hides_what_is_below_and_a_selection_unfolds_it() -> None:
    view = TreeView(ascii_only=False, now=lambda: ZERO)
    app = OneView(view, lambda v: v.set_graph(NAMES, PIPELINE))
    async with app.run_test(size=(60, 8)) as pilot:
        await pilot.press("space")
        await pilot.pause()
        assert "▸ 3 below" in app.text
        assert "ship" not in app.text
        view.selection = "ship"
        await pilot.pause()
        assert "below" not in app.text
        assert app.said == []
        await pilot.press("h")
        assert view.selection == "clean"
        await pilot.press("right", "enter")
        assert view.selection == "ship"
        assert isinstance(app.said[-1], TreeView.Opened)


async def test_a_large_tree_is_laid_out_aside_and_keeps_the_selection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    upstream = tangle(3000)
    go_on = threading.Event()

    def lay_when_told(*graph: Any) -> list[TreeRow]:
        assert go_on.wait(30)
        return lay_tree(*graph)

    monkeypatch.setattr("tui.widgets.graph.tree_view.lay_tree", lay_when_told)
    view = TreeView(ascii_only=False, now=lambda: ZERO)
    app = OneView(view, lambda v: v.set_graph(ids_of(upstream), upstream))
    async with app.run_test(size=(60, 8)) as pilot:
        view.selection = ids_of(upstream)[2000]
        assert view.row_count() == 0
        assert "laying out 3,000 steps" in view.placeholder
        go_on.set()
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert view.row_count() == 3000
        assert view.selection == ids_of(upstream)[2000]
        assert f" {view.selection} " in app.text


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    "upstream", [[], chain(300), tangle(300)], ids=["empty", "chain", "tangle"]
)
async def test_any_tree_is_drawn_at_any_size(size: tuple[int, int], upstream: Upstream) -> None:
    view = TreeView(ascii_only=True, now=lambda: ZERO)
    app = OneView(view, lambda v: v.set_graph(ids_of(upstream), upstream))
    async with app.run_test(size=size) as pilot:
        for key in ("G", "space", "g", "space"):
            await pilot.press(key)
            await pilot.pause()
            assert all(cell_len(line) == size[0] for line in app.lines)
            assert not set(app.text) & set("├╰│↳○▸⋯")


def test_an_attempt_that_waits_for_a_person_is_not_among_those_at_once() -> None:
    gate = AttemptSpan("gate", 1, AttemptState.RUNNING, 0, None, holds_slot=False)
    work = AttemptSpan("work", 1, AttemptState.SUCCESS, 0, 10 * SECOND)
    chart = Chart(lambda: 20 * SECOND)
    chart.take([gate, work])
    assert max(chart.frame(40).busy) == 1.0
