from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.style import Style
from textual.app import App, ComposeResult
from textual.message import Message
from textual.pilot import Pilot

from core.domain.reasons import Reason
from core.domain.states import TaskState
from tests.support.graphs import Upstream, bipartite, chain, ids_of, star, tangle, upstreams
from tests.support.shared import shared_path
from tui.layout.cell_scale import Zoom
from tui.layout.dag import dag_of
from tui.layout.highlighted_edges import Mark
from tui.live.node_status import NodeStatus
from tui.look.theme import THEMES
from tui.widgets.graph.canvas_styles import CanvasStyles
from tui.widgets.graph.graph_model import draw, model_of
from tui.widgets.graph.graph_view import GraphView
from tui.widgets.graph.lane_canvas import LaneCanvas
from tui.widgets.graph.layered_canvas import Canvas
from tui.words.state_glyphs import APPEARANCES

PIPELINE: Upstream = [[], [], [0], [0, 1], [2, 3], [4], [4], [5, 6]]
NAMES = ["fetch", "pull", "clean", "join", "check", "load", "index", "notify"]
SIZES = [(1, 1), (3, 2), (40, 12), (80, 24), (120, 40), (240, 60)]
NOW = 2_000_000_000_000


class GraphApp(App[None]):
    """One graph on the whole screen; keeps what it says."""

    def __init__(
        self,
        ids: Sequence[str] = NAMES,
        upstream: Upstream = PIPELINE,
        *,
        names: dict[str, str] | None = None,
        conditional: Sequence[str] = (),
        ascii_only: bool = False,
    ) -> None:
        super().__init__()
        self.register_theme(THEMES[0])
        self.theme = THEMES[0].name
        self.view = GraphView(ascii_only=ascii_only, now=lambda: NOW)
        self.given: tuple[Any, ...] = (ids, upstream, names, conditional)
        self.said: list[Message] = []

    def compose(self) -> ComposeResult:
        yield self.view

    def on_mount(self) -> None:
        self.view.focus()
        self.view.set_graph(*self.given)

    def on_step_canvas_selected(self, event: GraphView.Selected) -> None:
        self.said.append(event)

    def on_step_canvas_opened(self, event: GraphView.Opened) -> None:
        self.said.append(event)

    @property
    def lines(self) -> list[str]:
        """What the graph shows, line by line."""
        view = self.view
        return [view.render_line(y).text for y in range(view.size.height)]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    @property
    def canvas(self) -> Canvas:
        state = self.view._state
        assert state is not None
        assert isinstance(state.canvas, Canvas)
        return state.canvas


async def settle(pilot: Pilot[Any]) -> None:
    app = pilot.app
    assert isinstance(app, GraphApp)
    await app.workers.wait_for_complete()
    await pilot.pause()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    "upstream",
    [[], [[]], PIPELINE, chain(200), star(500), bipartite(30, 0.5), tangle(400)],
    ids=["empty", "one", "pipeline", "chain", "star", "bipartite", "tangle"],
)
async def test_any_graph_is_drawn_at_any_size_in_exactly_the_cells_there_are(
    size: tuple[int, int], upstream: Upstream
) -> None:
    app = GraphApp(ids_of(upstream), upstream)
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        for keys in ([], ["F"], ["minus", "minus", "minus"], ["plus"], ["m", "c"], ["G"]):
            await pilot.press(*keys)
            await settle(pilot)
            width = app.view.scrollable_content_region.width
            assert all(cell_len(line) == width for line in app.lines)


async def test_a_small_graph_is_drawn_in_boxes_with_states_in_words() -> None:
    app = GraphApp()
    async with app.run_test(size=(160, 40)) as pilot:
        await settle(pilot)
        app.view.set_states(
            {
                "fetch": NodeStatus(TaskState.SUCCESS, 1, 1, None, NOW - 9 * 10**9, NOW - 10**9),
                "pull": NodeStatus(TaskState.WAITING, 2, 5, Reason.BACKOFF, resume_at=NOW + 10**9),
                "clean": TaskState.RUNNING,
            }
        )
        assert app.canvas.scale.zoom is Zoom.BOX
        assert "✓ fetch" in app.text
        assert "done 8s" in app.text
        assert "↻ pull" in app.text
        assert "retrying in 1s" in app.text
        assert "▶ clean" in app.text
        assert "○ notify" in app.text


async def test_a_wide_view_has_layers_and_a_narrow_one_has_lanes() -> None:
    app = GraphApp()
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        assert any("fetch" in line and "clean" in line for line in app.lines)
        await pilot.resize_terminal(80, 24)
        await settle(pilot)
        assert not any("fetch" in line and "clean" in line for line in app.lines)
        assert [name for line in app.lines for name in NAMES if name in line] != []
        await pilot.resize_terminal(140, 30)
        await settle(pilot)
        assert any("fetch" in line and "clean" in line for line in app.lines)


async def test_arrows_follow_edges_and_layers_and_tell_the_selection() -> None:
    app = GraphApp()
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        assert app.view.selection in ("fetch", "pull")
        app.view.selection = "fetch"
        await pilot.press("l")
        assert app.view.selection in ("clean", "join")
        await pilot.press("right")
        assert app.view.selection == "check"
        await pilot.press("l", "l")
        assert app.view.selection == "notify"
        await pilot.press("right")
        assert app.view.selection == "notify"
        await pilot.press("g")
        assert app.view.selection in ("fetch", "pull")
        await pilot.press("j", "k", "up")
        chosen = [e.task_id for e in app.said if isinstance(e, GraphView.Selected)]
        assert chosen[1] == "check"
        await pilot.press("enter")
        opened = app.said[-1]
        assert isinstance(opened, GraphView.Opened)
        assert opened.task_id == app.view.selection


async def test_the_selection_given_from_outside_is_followed_but_not_told_back() -> None:
    app = GraphApp()
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        app.view.selection = "index"
        await settle(pilot)
        assert app.said == []
        assert app.canvas.region(6).y >= 0
        app.view.selection = "no such step"
        await settle(pilot)
        assert app.said == []


async def test_a_fold_shows_its_worst_step_and_its_counts_and_opens_and_closes() -> None:
    upstream = star(128)
    ids = ["list", *(f"fetch-{number}" for number in range(128)), "index"]
    app = GraphApp(ids, upstream)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        states = {f"fetch-{number}": TaskState.SUCCESS for number in range(96)}
        states |= {f"fetch-{number}": TaskState.RUNNING for number in range(96, 100)}
        states["fetch-100"] = TaskState.FAILED
        app.view.set_states({"list": TaskState.SUCCESS, **states})
        assert "▣ fetch[×128]" in app.text
        assert "96✓ 4▶ 1✗ 27○" in app.text
        app.view.selection = "list"
        await pilot.press("right")
        assert app.view.selection == "fetch-100"
        selected = app.said[-1]
        assert isinstance(selected, GraphView.Selected)
        assert len(selected.members) == 128
        await pilot.press("space")
        await settle(pilot)
        assert "[×128]" not in app.text
        assert "✗ fetch-100" in app.text
        await pilot.press("space")
        await settle(pilot)
        assert "▣ fetch[×128]" in app.text


async def test_a_chain_is_folded_and_all_folds_open_and_close_at_once() -> None:
    app = GraphApp(ids_of(chain(10_000)), chain(10_000))
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        assert "step-0 ⋯ step-9999 (10000)" in app.text
        await pilot.press("F")
        await settle(pilot)
        assert "within 2 hops of step-0: 3 of 10,000 steps · 0 all" in app.text
        await pilot.press("0")
        await settle(pilot)
        assert "○ step-0 ──" in app.text
        assert "hops" not in app.text
        assert "all 10,000 steps, 10,000 layers: larger than the window" in app.text
        await pilot.press("G")
        assert "step-9999" in app.text
        await pilot.press("F")
        await settle(pilot)
        assert "(10000)" in app.text


async def test_while_a_large_graph_is_laid_out_the_view_says_so() -> None:
    upstream = tangle(3000)
    app = GraphApp()
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        app.view.set_graph(ids_of(upstream), upstream)
        assert "laying out 3,000 steps…" in app.text
        await settle(pilot)
        assert "laying out" not in app.text


async def test_zoom_goes_from_boxes_to_dots_and_back_to_what_fits() -> None:
    app = GraphApp()
    async with app.run_test(size=(160, 40)) as pilot:
        await settle(pilot)
        levels = [app.canvas.scale.zoom]
        for key in ("minus", "minus", "minus", "minus", "plus", "0"):
            await pilot.press(key)
            levels.append(app.canvas.scale.zoom)
        assert levels == [
            Zoom.BOX,
            Zoom.LABEL,
            Zoom.COMPACT,
            Zoom.DOTS,
            Zoom.DOTS,
            Zoom.COMPACT,
            Zoom.BOX,
        ]


async def test_failures_are_visited_in_order_of_the_graph_and_wrap() -> None:
    app = GraphApp()
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        app.view.set_states({"index": TaskState.FAILED, "clean": TaskState.FAILED})
        visited = []
        for key in ("e", "e", "e", "E"):
            await pilot.press(key)
            visited.append(app.view.selection)
        assert visited == ["clean", "index", "clean", "index"]


async def test_the_focus_leaves_out_what_is_far_away() -> None:
    app = GraphApp()
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        app.view.selection = "fetch"
        await pilot.press("o")
        await settle(pilot)
        assert "join" in app.text
        assert "notify" not in app.text
        app.view.selection = "notify"
        await settle(pilot)
        assert "notify" in app.text
        assert "index" in app.text


async def test_a_large_graph_opens_around_the_selection_and_goes_along_with_it() -> None:
    upstream: Upstream = [[], *([(node - 1) // 2] for node in range(1, 128))]
    ids = [f"node {chr(97 + node % 16)}{chr(97 + node // 16)}" for node in range(128)]
    app = GraphApp(ids, upstream)
    async with app.run_test(size=(140, 40)) as pilot:
        await settle(pilot)
        assert f"within 2 hops of {ids[0]}: 7 of 128 steps · 0 all" in app.text
        app.view.selection = ids[9]
        await settle(pilot)
        near = {1, 4, 9, 19, 20, 39, 40, 41, 42}
        assert {n for n, one in enumerate(ids) if f" {one} " in app.text} == near
        await pilot.press("right")
        await settle(pilot)
        assert f"of {ids[9]}: " in app.text, "within the neighbourhood the picture stays"
        await pilot.press("right")
        await settle(pilot)
        assert f"of {app.view.selection}: " in app.text, "at its edge it goes along"
        await pilot.press("0")
        await settle(pilot)
        assert "hops" not in app.text
        await pilot.press("o")
        await settle(pilot)
        assert f"within 1 hop of {app.view.selection}: " in app.text


async def test_layers_that_are_too_wide_go_on_in_a_band_below() -> None:
    names = [f"step {chr(97 + n)}" for n in range(12)]
    app = GraphApp(names, chain(12))
    async with app.run_test(size=(110, 30)) as pilot:
        await settle(pilot)
        assert app.canvas.scale.zoom is Zoom.BOX
        assert app.view.max_scroll_x == app.view.max_scroll_y == 0
        rows = {name: next(y for y, line in enumerate(app.lines) if name in line) for name in names}
        assert len(set(rows.values())) > 1
        assert app.lines[rows[names[0]]].rstrip().endswith("→")
        assert app.lines[rows[names[-1]]].startswith(("→─", " →─", "  →─"))
        await pilot.press("G")
        assert app.view.selection == names[-1]
        line = rows[names[6]]
        await pilot.click(GraphView, offset=(app.lines[line].index(names[6]), line))
        assert app.view.selection == names[6]


async def test_handlers_stand_behind_an_end_bar() -> None:
    app = GraphApp()
    app.given = (["build", "test", "tell", "tidy"], [[], [0], [], []], None, (), ("tell", "tidy"))
    async with app.run_test(size=(120, 20)) as pilot:
        await settle(pilot)
        columns = [line.index("┃") for line in app.lines if "test" in line]
        assert all(line.index("tell") > columns[0] for line in app.lines if "tell" in line)
        assert all(line.index("tidy") > columns[0] for line in app.lines if "tidy" in line)
        await pilot.press("0")
        app.view.set_states({"tell": TaskState.FAILED})
        assert "✗ tell" in app.text


async def test_a_changed_state_repaints_only_the_lines_it_is_on() -> None:
    upstream = bipartite(8, 0.4)
    app = GraphApp(ids_of(upstream), upstream)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        drawn: list[int] = []
        draw = app.view.render_line

        def record(y: int) -> Any:
            drawn.append(y)
            return draw(y)

        app.view.render_line = record  # type: ignore[method-assign] # to see which lines are asked for
        app.view.set_states({"step-3": TaskState.RUNNING})
        await pilot.pause()
        assert 1 <= len(set(drawn)) <= 4


async def test_the_critical_path_is_heavy_and_conditions_are_dashed() -> None:
    app = GraphApp(conditional=["index"])
    async with app.run_test(size=(160, 40)) as pilot:
        await settle(pilot)
        await pilot.press("minus")
        assert "╌" in app.text
        assert "━" not in app.text
        await pilot.press("c")
        assert "━" in app.text


async def test_names_never_become_markup_nor_controls_and_keep_their_width() -> None:
    hostile = {
        "a": "[bold red]x[/] \x1b[31mred\x1b[0m\x07",
        "b": "\u202eevil\u202c \u2066rtl\u2069",
        "c": "日本語の名前がとても長いので切られます",
        "d": "👩\u200d👩\u200d👧 " * 20,
        "e": "line\nbreak\ttab",
        "f": "",
    }
    app = GraphApp(list(hostile), [[], [0], [0], [1], [2], [3, 4]], names=hostile)
    for size in ((160, 40), (80, 24), (120, 10)):
        async with app.run_test(size=size) as pilot:
            await settle(pilot)
            assert "[bold red]x[/]" in app.text
            assert not set(app.text) & set("\x1b\x07\t\u202e\u202c\u2066\u2069")
            width = app.view.scrollable_content_region.width
            assert all(cell_len(line) == width for line in app.lines)
        app = GraphApp(list(hostile), [[], [0], [0], [1], [2], [3, 4]], names=hostile)


@pytest.mark.parametrize("size", [(160, 40), (80, 24)])
async def test_without_utf8_only_ascii_is_drawn(size: tuple[int, int]) -> None:
    upstream = star(100)
    app = GraphApp(ids_of(upstream), upstream, names={"step-0": "début"}, ascii_only=True)
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        app.view.set_states({"step-1": TaskState.FAILED, "step-0": TaskState.SUCCESS})
        assert app.text.isascii()
        assert "+ debut" in app.text
        assert "* step[x100]" in app.text


async def test_every_state_is_told_apart_without_colour() -> None:
    states = list(TaskState)
    app = GraphApp([s.value for s in states], [[] for _ in states])
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        app.view.set_states({s.value: s for s in states})
        signs = {line.strip()[0] for line in app.lines if line.strip()}
        assert len(signs) == len(states)


async def test_a_filter_dims_all_but_the_matches_in_colour_only() -> None:
    app = GraphApp()
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        before = app.text
        styles = {s.style for y in range(30) for s in app.view.render_line(y) if "notify" in s.text}
        app.view.set_matches(["fetch"])
        dimmed = {s.style for y in range(30) for s in app.view.render_line(y) if "notify" in s.text}
        assert styles != dimmed
        assert app.text == before
        app.view.set_matches(None)


async def test_a_click_selects_and_a_second_one_opens() -> None:
    app = GraphApp()
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        line = next(y for y, text in enumerate(app.lines) if "join" in text)
        column = app.lines[line].index("join")
        await pilot.click(GraphView, offset=(column, line), times=2)
        assert app.view.selection == "join"
        assert isinstance(app.said[-1], GraphView.Opened)


async def test_the_minimap_covers_the_corner_and_goes_away() -> None:
    upstream = tangle(200, reach=20)
    app = GraphApp(ids_of(upstream), upstream)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("0", "m")
        await settle(pilot)
        braille = {c for c in app.text if "\u2801" <= c <= "\u28ff"}
        assert braille
        assert app.view.scroll_x == 0
        await pilot.click(GraphView, offset=(app.view.size.width - 3, 2))
        assert app.view.scroll_x > 0
        await pilot.press("m")
        assert not {c for c in app.text if "\u2801" <= c <= "\u28ff"}


async def test_the_recorded_workflow_of_1738_steps_fits_one_screen_and_names_its_failures() -> None:
    import json

    path = shared_path("workflows/montage-chameleon-2mass-05d-001.json")
    tasks = json.loads(path.read_text())["workflow"]["specification"]["tasks"]
    place = {task["id"]: number for number, task in enumerate(tasks)}
    upstream = [[place[p] for p in task["parents"]] for task in tasks]
    app = GraphApp(list(place), upstream)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        app.view.set_states({"mDiffFit_ID0000100": TaskState.FAILED})
        assert "mDiffFit_ID[×1242] 1✗ 1241○" in app.text
        assert app.view.max_scroll_y == 0
        await pilot.press("e")
        assert app.view.selection == "mDiffFit_ID0000100"
        await pilot.press("F")
        await settle(pilot)
        assert "✗ mDiffFit_ID0000100" in app.text


PLAIN = CanvasStyles(
    base=Style(),
    muted=Style(),
    faint=Style(),
    accent=Style(),
    cursor=Style(reverse=True),
    frame=Style(),
    signs=dict.fromkeys(APPEARANCES, Style()),
    names=dict.fromkeys(APPEARANCES, Style()),
    marks=dict.fromkeys(Mark, Style()),
)


@settings(deadline=None, max_examples=80)
@given(
    upstreams(max_nodes=16),
    st.sampled_from(list(Zoom)),
    st.integers(-5, 80),
    st.integers(0, 200),
    st.integers(0, 60),
)
def test_any_part_of_any_line_is_that_part_of_the_whole_line(
    upstream: Upstream, zoom: Zoom, y: int, x: int, width: int
) -> None:
    ids = ids_of(upstream)
    model = model_of(ids, dag_of(upstream), None)
    drawing = draw(model)
    canvas = Canvas(model, drawing, zoom, ascii_only=False)
    lanes = LaneCanvas(model, drawing, ascii_only=False)
    for drawn, whole_width in ((canvas, 300), (lanes, 300)):
        part = drawn.strip(y, x, width, PLAIN)
        assert part.cell_length == width
        whole = drawn.strip(y, 0, whole_width, PLAIN)
        assert part.text == whole.text[x : x + width]


@settings(deadline=None, max_examples=40)
@given(upstreams(max_nodes=16), st.sampled_from(list(Zoom)))
def test_every_node_is_found_where_it_is_drawn(upstream: Upstream, zoom: Zoom) -> None:
    model = model_of(ids_of(upstream), dag_of(upstream), None)
    canvas = Canvas(model, draw(model), zoom, ascii_only=False)
    for node in range(len(upstream)):
        region = canvas.region(node)
        assert canvas.group_at(region.x, region.y) == node
        assert canvas.group_at(region.right - 1, region.bottom - 1) == node


def test_a_graph_with_a_cycle_is_refused() -> None:
    with pytest.raises(ValueError, match="cycle"):
        GraphView().set_graph(["a", "b"], [[1], [0]])
