"""What a graph canvas draws: steps, their states, and a drawing computed in a thread."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from core.domain.states import TaskState
from tui.layout.dag import Dag, critical_path, induced, within_hops
from tui.layout.graph_folding import Folding, FoldKey, FoldKind, Group, family, fold
from tui.layout.lane_layout import Lanes, lay_lanes
from tui.layout.layered_layout import Plane, lay_out
from tui.live.node_status import IDLE, NodeStatus
from tui.words.safe_text import clean_line
from tui.words.state_glyphs import SEVERITY

_MAX_NAME_CHARACTERS = 200
"""How many characters of a name are considered."""


@dataclass(frozen=True, slots=True)
class Focus:
    """Restricts the drawing to the steps within `hops` edges of a step."""

    centre: int
    hops: int


@dataclass(frozen=True, slots=True)
class Drawing:
    """One layout: `steps` are the drawn steps by index; groups are numbered as in `folding`."""

    steps: tuple[int, ...]
    folding: Folding
    plane: Plane
    lanes: Lanes
    groups: tuple[tuple[int, ...], ...]
    group_of: Mapping[int, int]
    titles: tuple[str, ...]
    focus: Focus | None = None

    def kind(self, group: int) -> FoldKind:
        """Return the kind of fold of a group."""
        return self.folding.groups[group].kind


@dataclass(slots=True)
class GraphModel:
    """The steps in mission order, their upstream, and their latest states."""

    ids: tuple[str, ...]
    names: tuple[str, ...]
    dag: Dag
    conditional: frozenset[int] = frozenset()
    index: dict[str, int] = field(default_factory=dict)
    statuses: list[NodeStatus] = field(default_factory=list)

    def failures(self) -> list[int]:
        """Return the failed steps in the order of the list."""
        return [i for i, s in enumerate(self.statuses) if s.state is TaskState.FAILED]

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
) -> GraphModel:
    """Build a model; the names are made safe to draw here."""
    titles = [(names or {}).get(step_id) or step_id for step_id in ids]
    index = {step_id: number for number, step_id in enumerate(ids)}
    return GraphModel(
        tuple(ids),
        tuple(clean_line(title[:_MAX_NAME_CHARACTERS]) or "·" for title in titles),
        dag,
        frozenset(index[step_id] for step_id in conditional if step_id in index),
        index,
        [IDLE] * len(ids),
    )


def draw(
    model: GraphModel,
    *,
    enabled: bool | None = None,
    opened: frozenset[FoldKey] = frozenset(),
    focus: Focus | None = None,
) -> Drawing:
    """Fold and lay out the model within the focus. Pure, to be run in a worker thread."""
    if focus is None:
        steps = tuple(range(len(model.ids)))
        dag = model.dag
    else:
        steps = tuple(within_hops(model.dag, focus.centre, focus.hops))
        dag = induced(model.dag, steps)
    folding = fold(dag, [family(model.ids[step]) for step in steps], enabled=enabled, opened=opened)
    groups = tuple(tuple(steps[m] for m in group.members) for group in folding.groups)
    return Drawing(
        steps,
        folding,
        lay_out(folding.dag),
        lay_lanes(folding.dag),
        groups,
        {step: number for number, members in enumerate(groups) for step in members},
        tuple(
            _title(
                group,
                [model.names[step] for step in members],
                [clean_line(model.ids[step]) for step in members],
            )
            for group, members in zip(folding.groups, groups, strict=True)
        ),
        focus,
    )


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
