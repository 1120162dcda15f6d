"""Clusters: nodes that belong together and get rows of their own, so that a frame fits around them.

Clusters may lie within each other. In layers and rows only; cells come later.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

OUTSIDE = -1
"""The cluster of a node that is in none."""


@dataclass(frozen=True, slots=True)
class Clusters:
    """`of` is the innermost cluster of each node; `parents` the cluster around each cluster.

    A cluster stands behind the one that it lies in, and before those that come after both.
    """

    of: Sequence[int] = ()
    parents: Sequence[int] = ()

    def around(self, cluster: int) -> list[int]:
        """Return a cluster and those that it lies in, innermost first."""
        found = []
        while cluster != OUTSIDE:
            found.append(cluster)
            cluster = self.parents[cluster]
        return found


@dataclass(slots=True)
class Frame:
    """The rows of a frame's upper and lower edge, and the first and last layer within it."""

    cluster: int
    top: int
    bottom: int
    first: int
    last: int


def apart(component: Sequence[int], clusters: Clusters) -> list[int]:
    """Return new components of the nodes: each cluster is one, below what it hangs on."""
    if not clusters.parents:
        return list(component)
    keys = list(zip(component, clusters.of, strict=True))
    number = {key: new for new, key in enumerate(sorted(set(keys)))}
    return [number[key] for key in keys]


def make_room(
    row: Sequence[int], layer: Sequence[int], clusters: Clusters
) -> tuple[list[int], list[Frame]]:
    """Insert blank rows above and below each cluster; return the new rows and the frames.

    `row` and `layer` are those of all items, of which the first ones are the nodes.
    """
    frames = _extents(row, layer, clusters)
    if not frames:
        return list(row), []
    before = Counter(frame.top for frame in frames)
    after = Counter(frame.bottom for frame in frames)
    moved: dict[int, int] = {}
    inserted = 0
    for old in sorted(set(row)):
        inserted += before[old]
        moved[old] = old + inserted
        inserted += after[old]
    for frame in reversed(frames):  # those within others first
        within = [one for one in frames if frame.cluster in clusters.around(one.cluster)[1:]]
        frame.top = min([moved[frame.top], *(one.top for one in within)]) - 1
        frame.bottom = max([moved[frame.bottom], *(one.bottom for one in within)]) + 1
    return [moved[old] for old in row], frames


def _extents(row: Sequence[int], layer: Sequence[int], clusters: Clusters) -> list[Frame]:
    """Return the rows and layers that the nodes of each cluster take, with those within it."""
    found: dict[int, Frame] = {}
    for node, innermost in enumerate(clusters.of):
        for cluster in clusters.around(innermost):
            frame = found.get(cluster)
            if frame is None:
                found[cluster] = Frame(cluster, row[node], row[node], layer[node], layer[node])
                continue
            frame.top, frame.bottom = min(frame.top, row[node]), max(frame.bottom, row[node])
            frame.first, frame.last = min(frame.first, layer[node]), max(frame.last, layer[node])
    return [found[cluster] for cluster in sorted(found)]
