"""What a graph canvas draws: steps, their states, and a drawing computed in a thread."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from core.domain.states import TaskState
from tui.layout.dag import Dag, critical_path, induced, put_last, within_hops
from tui.layout.frames.cluster import OUTSIDE, Clusters
from tui.layout.graph_folding import Folding, FoldKey, FoldKind, Group, family, fold
from tui.layout.lane_layout import Lanes, lay_lanes
from tui.layout.layered_layout import Plane, lay_out
from tui.live.node_status import IDLE, NodeStatus
from tui.words.safe_text import clean_line
from tui.words.state_glyphs import SEVERITY

_MAX_NAME_CHARACTERS = 200
"""How many characters of a name are considered."""
MAX_WHOLE_NODES = 60
"""A graph with more nodes opens on the neighbourhood of the selected step."""
NEAR_HOPS = 2


@dataclass(frozen=True, slots=True)
class Focus:
    """Restricts the drawing to the nodes within `hops` edges of the node of a step."""

    centre: int
    hops: int


@dataclass(frozen=True, slots=True)
class Drawing:
    """One layout. A node is a group of steps: one step, or a fold.

    `end_layer` is the first layer of handlers, if they stand behind an end bar; `hidden_up` and
    `hidden_down` are the nodes with dependencies or dependents outside of the focus; from an `edge`
    node on there are more in the direction away from the centre.
    """

    folding: Folding
    """The folding of the whole graph, drawn or not."""
    nodes: tuple[Group, ...]
    groups: tuple[tuple[int, ...], ...]
    """The steps of each node."""
    dag: Dag
    plane: Plane
    lanes: Lanes
    group_of: Mapping[int, int]
    titles: tuple[str, ...]
    end_layer: int | None = None
    focus: Focus | None = None
    hidden_up: frozenset[int] = frozenset()
    hidden_down: frozenset[int] = frozenset()
    edge: frozenset[int] = frozenset()

    def kind(self, group: int) -> FoldKind:
        """Return the kind of fold of a group."""
        return self.nodes[group].kind


@dataclass(slots=True)
class GraphModel:
    """The steps in mission order, their upstream, and their latest states."""

    ids: tuple[str, ...]
    names: tuple[str, ...]
    dag: Dag
    conditional: frozenset[int] = frozenset()
    handlers: frozenset[int] = frozenset()
    index: dict[str, int] = field(default_factory=dict)
    statuses: list[NodeStatus] = field(default_factory=list)
    cluster_of: Sequence[int] = ()
    """The cluster of each step, if there are clusters: the sub-mission that it is a step of."""
    cluster_parents: Sequence[int] = ()
    """The cluster that each cluster lies in."""
    cluster_titles: Sequence[str] = ()
    openers: Mapping[int, int] = field(default_factory=dict)
    """The steps whose sub-missions are the clusters, with the cluster of each."""

    def cluster(self, step: int) -> int:
        """Return the cluster of a step."""
        return self.cluster_of[step] if self.cluster_of else OUTSIDE

    def depth(self, step: int) -> int:
        """Return in how many clusters a step is."""
        return len(Clusters((), self.cluster_parents).around(self.cluster(step)))

    def failures(self) -> list[int]:
        """Return the failed steps in the order of the list."""
        return [i for i, s in enumerate(self.statuses) if s.state is TaskState.FAILED]

    def first_step(self) -> int | None:
        """Return the step to select first: a failure, else a running one, else the first root."""
        for wanted in (TaskState.FAILED, TaskState.RUNNING):
            for step, status in enumerate(self.statuses):
                if status.state is wanted:
                    return step
        return next((step for step, needs in enumerate(self.dag.upstream) if not needs), None)

    def critical(self) -> list[int]:
        """Return the longest path: by durations when every step has ended, else by hops."""
        seconds = [status.seconds(0) for status in self.statuses if status.ended_at is not None]
        if len(seconds) < len(self.ids) or not seconds:
            return critical_path(self.dag)
        return critical_path(self.dag, [second or 0.0 for second in seconds])

    def tally(self, steps: Iterable[int]) -> dict[TaskState, int]:
        """Count steps by state."""
        counts: dict[TaskState, int] = {}
        for step in steps:
            state = self.statuses[step].state
            counts[state] = counts.get(state, 0) + 1
        return counts

    def worst_step(self, steps: Sequence[int]) -> int:
        """Return the step that represents several: the first one in the worst state."""
        return max(steps, key=lambda step: (SEVERITY[self.statuses[step].state.value], -step))


def model_of(
    ids: Sequence[str],
    dag: Dag,
    names: Mapping[str, str] | None,
    conditional: Collection[str] = (),
    handlers: Collection[str] = (),
) -> GraphModel:
    """Build a model; the names are made safe to draw here."""
    titles = [(names or {}).get(step_id) or step_id for step_id in ids]
    index = {step_id: number for number, step_id in enumerate(ids)}
    return GraphModel(
        tuple(ids),
        tuple(clean_line(title[:_MAX_NAME_CHARACTERS]) or "·" for title in titles),
        dag,
        frozenset(index[step_id] for step_id in conditional if step_id in index),
        frozenset(index[step_id] for step_id in handlers if step_id in index),
        index,
        [IDLE] * len(ids),
    )


def fold_model(
    model: GraphModel, *, enabled: bool | None = None, opened: frozenset[FoldKey] = frozenset()
) -> Folding:
    """Fold all steps of the model: only what is alike and in the same sub-mission.

    Handlers are never folded with steps, and a step whose sub-mission is open with none.
    """
    families = [
        (family(step_id), n in model.handlers, model.cluster(n), n if n in model.openers else -1)
        for n, step_id in enumerate(model.ids)
    ]
    return fold(model.dag, families, enabled=enabled, opened=opened)


def draw(model: GraphModel, folding: Folding | None = None, focus: Focus | None = None) -> Drawing:
    """Lay out the folded model within the focus. Pure, to be run in a worker thread."""
    folding = fold_model(model) if folding is None else folding
    whole = folding.dag
    distance = (
        dict.fromkeys(range(len(whole)), 0)
        if focus is None
        else within_hops(whole, folding.group_of[focus.centre], focus.hops)
    )
    chosen = list(distance)
    nodes = tuple(folding.groups[number] for number in chosen)
    last = frozenset(n for n, group in enumerate(nodes) if group.members[0] in model.handlers)
    dag, end_layer = put_last(whole if focus is None else induced(whole, chosen), last)
    up = frozenset(
        n
        for n, number in enumerate(chosen)
        if any(o not in distance for o in whole.upstream[number])
    )
    down = frozenset(
        n
        for n, number in enumerate(chosen)
        if any(o not in distance for o in whole.downstream[number])
    )
    hops = 0 if focus is None else focus.hops
    return Drawing(
        folding,
        nodes,
        tuple(group.members for group in nodes),
        dag,
        lay_out(dag, last=last, clusters=_clusters(model, nodes)),
        lay_lanes(dag),
        {step: number for number, group in enumerate(nodes) for step in group.members},
        tuple(
            _title(
                group,
                [model.names[step] for step in group.members],
                [clean_line(model.ids[step]) for step in group.members],
            )
            for group in nodes
        ),
        end_layer,
        focus,
        up,
        down,
        frozenset(
            n
            for n, number in enumerate(chosen)
            if (distance[number] == -hops and n in up) or (distance[number] == hops and n in down)
        ),
    )


def _clusters(model: GraphModel, nodes: Sequence[Group]) -> Clusters:
    """Return the clusters of the drawn nodes."""
    if not model.cluster_parents:
        return Clusters()
    return Clusters([model.cluster(group.members[0]) for group in nodes], model.cluster_parents)


def neighbourhood(folding: Folding, step: int) -> Focus:
    """Return the focus on a step in a large graph: two hops, or one where two are too many."""
    within = partial(within_hops, folding.dag, folding.group_of[step])
    near, nearest = len(within(NEAR_HOPS)), len(within(1))
    return Focus(step, 1 if near > MAX_WHOLE_NODES and nearest < near else NEAR_HOPS)


def fold_and_draw(
    model: GraphModel,
    folding: Folding | None,
    enabled: bool | None,
    opened: frozenset[FoldKey],
    focus: Focus | None,
    centre: int | None,
) -> Drawing:
    """Fold the graph if it is not folded yet, and lay out what is to be drawn of it."""
    if folding is None:
        folding = fold_model(model, enabled=enabled, opened=opened)
    if focus is None and centre is not None and len(folding.groups) > MAX_WHOLE_NODES:
        focus = neighbourhood(folding, centre)
    return draw(model, folding, focus)


def hops_text(hops: int) -> str:
    """Write the radius of a neighbourhood."""
    return "within 1 hop" if hops == 1 else f"within {hops} hops"


def _title(group: Group, names: Sequence[str], ids: Sequence[str]) -> str:
    """Name a group: `fetch[×128]` for siblings, `part-1 ⋯ part-12 (12)` for a chain."""
    if group.kind is FoldKind.STEP:
        return names[0]
    size = len(names)
    if group.kind is FoldKind.CHAIN:
        return f"{names[0]} ⋯ {names[-1]} ({size})"
    return f"{_common(names) or _common(ids) or names[0]}[×{size}]"


def _common(names: Sequence[str]) -> str:
    """Return the common prefix of names, without trailing digits and punctuation."""
    first, last = min(names), max(names)
    size = 0
    while size < min(len(first), len(last)) and first[size] == last[size]:
        size += 1
    return first[:size].rstrip("0123456789-_.# :[(")
