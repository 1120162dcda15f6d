"""The cost of drawing a mission's structure: layout, a frame at 120×40, state changes.

    python -m benchmarks.layout

Prints milliseconds of CPU: laying out step by step (worst case) and folded as it is shown, drawing
a frame that nothing is cached for, scrolling the whole app by a frame, and what a running screen
spends on 1,000 state changes a second.
"""

import asyncio
import random
import sys
import time

from textual.app import App, ComposeResult

from core.domain.states import TaskState
from tui.layout.dag import dag_of
from tui.layout.graph_folding import family, fold
from tui.layout.layered_layout import lay_out
from tui.widgets.graph.graph_view import GraphView
from tui.widgets.graph.layered_canvas import Canvas

Upstream = list[list[int]]
SIZE = (120, 40)
FRAMES = 40


def shapes() -> dict[str, Upstream]:
    """Return graphs that are hard to lay out, by name."""
    choice = random.Random(1)

    def tangle(count: int, reach: int) -> Upstream:
        return [
            [choice.randrange(max(0, n - reach), n) for _ in range(choice.randint(0, 4))]
            if n
            else []
            for n in range(count)
        ]

    return {
        "chain of 10,000": [[n - 1] if n else [] for n in range(10_000)],
        "star of 5,000": [[], *([0] for _ in range(5000)), list(range(1, 5001))],
        "bipartite 100×100": [[] for _ in range(100)] + [list(range(100)) for _ in range(100)],
        "random 10,000": tangle(10_000, 10_000),
        "random 10,000, near": tangle(10_000, 100),
    }


def milliseconds(since: float) -> float:
    return (time.process_time() - since) * 1000


class GraphApp(App[None]):
    """A graph on the whole screen."""

    def __init__(self, upstream: Upstream) -> None:
        super().__init__()
        self.view = GraphView(ascii_only=False)
        self._upstream = upstream

    def compose(self) -> ComposeResult:
        """Give the graph the whole screen."""
        yield self.view

    def on_mount(self) -> None:
        """Lay it out."""
        self.view.set_graph([f"step-{n}" for n in range(len(self._upstream))], self._upstream)


async def on_screen(upstream: Upstream) -> tuple[float, float, float]:
    """Return the cost of a cold frame, of a scrolled one, and of 1,000 state changes."""
    app = GraphApp(upstream)
    choice = random.Random(2)
    async with app.run_test(size=SIZE) as pilot:
        await app.workers.wait_for_complete()
        app.view.action_fold_all()
        await app.workers.wait_for_complete()
        app.view.action_zoom(0)  # all of it, not the neighbourhood of the selection
        await app.workers.wait_for_complete()
        await pilot.pause()
        state = app.view._state
        if state is None or not isinstance(state.canvas, Canvas) or app.view._styles is None:
            raise RuntimeError("nothing was drawn")
        canvas = state.canvas
        width, height = canvas.size
        start = time.process_time()
        for frame in range(FRAMES):
            x, y = frame * 31 % max(1, width - SIZE[0]), frame * 41 % max(1, height - SIZE[1])
            for line in range(SIZE[1]):
                canvas.strip(y + line, x, SIZE[0], app.view._styles)
        cold = milliseconds(start) / FRAMES
        start = time.process_time()
        for frame in range(FRAMES):
            app.view.scroll_to(x=frame * 3, y=frame * 2, animate=False)
            await pilot.pause(0)
        scrolled = milliseconds(start) / FRAMES
        states = list(TaskState)
        start = time.process_time()
        for _ in range(12):
            changes = {
                f"step-{choice.randrange(len(upstream))}": choice.choice(states) for _ in range(84)
            }
            app.view.set_states(changes)
            await pilot.pause(0)
        return cold, scrolled, milliseconds(start)


def main() -> int:
    print(f"{'ms of CPU':24}{'unfolded':>10}{'folded':>10}{'frame':>9}{'scroll':>9}{'1k/s':>9}")
    for name, upstream in shapes().items():
        start = time.process_time()
        lay_out(dag_of(upstream))
        unfolded = milliseconds(start)
        start = time.process_time()
        dag = dag_of(upstream)
        lay_out(fold(dag, [family(f"step-{n}") for n in range(len(dag))]).dag)
        folded = milliseconds(start)
        cold, scrolled, changed = asyncio.run(on_screen(upstream))
        print(f"{name:24}{unfolded:10.0f}{folded:10.0f}{cold:9.1f}{scrolled:9.1f}{changed:9.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
