"""Follows drawn wires the way an eye does: from a source rightwards, never back to the left."""

from tui.layout.wire_cells import DOWN, LEFT, RIGHT, STUB, UP, UPRIGHT
from tui.layout.wire_drawing import Block

_OPPOSITE = {LEFT: RIGHT, RIGHT: LEFT, UP: DOWN, DOWN: UP}
_STEP = {RIGHT: (1, 0), UP: (0, -1), DOWN: (0, 1)}


def has_arm(cell: int, arm: int) -> bool:
    """Tell whether a cell has a line towards one side."""
    if cell & UPRIGHT == STUB:
        return bool(cell & 3 * arm) and arm in (LEFT, RIGHT)
    return bool(cell & 3 * arm)


def reached_rows(block: Block, start: int) -> set[int]:
    """Return the lines at which what leaves on line `start` arrives at the right edge.

    A line that meets a cell without an arm towards it passes under it, straight on. Raises
    AssertionError when a line ends in nothing.
    """
    cells = block.cells
    width = len(cells[0])
    if not has_arm(cells[start - block.top][0], LEFT):
        return set()
    found: set[int] = set()
    seen: set[tuple[int, int, int]] = set()
    todo = [(0, start - block.top, RIGHT)]
    while todo:
        x, y, heading = todo.pop()
        if (x, y, heading) in seen:
            continue
        seen.add((x, y, heading))
        if x == width:
            found.add(y + block.top)
            continue
        assert 0 <= y < len(cells), f"a wire runs out of the picture at column {x}"
        cell = cells[y][x]
        assert cell, f"a wire ends in nothing at ({x}, {y})"
        if has_arm(cell, _OPPOSITE[heading]):
            ways = [
                arm for arm in (RIGHT, UP, DOWN) if arm != _OPPOSITE[heading] and has_arm(cell, arm)
            ]
            meets_source = heading in (UP, DOWN) and has_arm(cell, LEFT)
            assert ways or meets_source, f"a wire ends at ({x}, {y})"
        else:
            ways = [heading]
        for way in ways:
            step_x, step_y = _STEP[way]
            todo.append((x + step_x, y + step_y, way))
    return found


def picture(block: Block, glyphs: tuple[str, ...]) -> str:
    """Return a block as text, for the message of a failing test."""
    return "\n".join("".join(glyphs[cell] for cell in line) for line in block.cells)
