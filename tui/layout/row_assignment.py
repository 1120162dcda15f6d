"""Assigns a row to every item: keeps the given order, never overlaps, keeps edges straight."""

from collections.abc import Sequence

from tui.layout.proper_layers import Proper

SWEEPS = 3
"""Forward, backward, forward: the last sweep keeps long edges straight."""


def place_rows(
    proper: Proper, layers: Sequence[Sequence[int]], component: Sequence[int]
) -> list[int]:
    """Return a row for each item; within a layer rows grow strictly along the order.

    Components (given for each item, in the order of the layers) stand below each other.

    Each sweep pulls a layer towards the median of its neighbours: least squares under the order
    (isotonic regression by pooling adjacent violators), which is linear in the number of items.
    """
    row = [0] * len(proper.layer)
    for items in layers:
        top = -(len(items) // 2)
        for place, item in enumerate(items):
            row[item] = top + place
    for sweep in range(SWEEPS):
        forward = sweep % 2 == 0
        near, far = (proper.up, proper.down) if forward else (proper.down, proper.up)
        for items in layers if forward else reversed(layers):
            _settle(items, near, far, row, last=sweep >= SWEEPS - 2)
    return _stacked(_without_blank_rows(row), component)


def _settle(
    items: Sequence[int],
    near: list[list[int]],
    far: list[list[int]],
    row: list[int],
    *,
    last: bool,
) -> None:
    sums: list[float] = []
    sizes: list[int] = []
    for place, item in enumerate(items):
        others = near[item] or (far[item] if last else ())
        if len(others) == 1:
            wish = row[others[0]]
        elif others:
            rows = sorted([row[o] for o in others])
            wish = (rows[(len(rows) - 1) // 2] + rows[len(rows) // 2]) // 2
        else:
            wish = row[item]
        total, size = float(wish - place), 1
        while sums and sums[-1] * size >= total * sizes[-1]:
            total += sums.pop()
            size += sizes.pop()
        sums.append(total)
        sizes.append(size)
    place = 0
    for total, size in zip(sums, sizes, strict=True):
        start = round(total / size)
        for _ in range(size):
            row[items[place]] = start + place
            place += 1


def _without_blank_rows(row: list[int]) -> list[int]:
    number = {used: new for new, used in enumerate(sorted(set(row)))}
    return [number[used] for used in row]


def _stacked(row: list[int], component: Sequence[int]) -> list[int]:
    """Move components so that each has rows of its own, without blank rows between."""
    last = max(component, default=0)
    if last == 0:
        return row
    tops: dict[int, int] = {}
    bottoms: dict[int, int] = {}
    for number, at in zip(component, row, strict=True):
        tops[number] = min(at, tops.get(number, at))
        bottoms[number] = max(at, bottoms.get(number, at))
    shift: dict[int, int] = {}
    start = 0
    for number in sorted(tops):
        shift[number] = start - tops[number]
        start += bottoms[number] - tops[number] + 1
    moved = [at + shift[number] for number, at in zip(component, row, strict=True)]
    return _without_blank_rows(moved)
