"""The arms of a cell that a wire passes through, and the box-drawing character for each.

A cell is one byte, two bits an arm (left, right, up, down): 0 none, 1 light, 2 heavy, 3 dashed.
"""

LEFT, RIGHT, UP, DOWN = 1, 4, 16, 64
LEFT_RIGHT, UP_DOWN = LEFT | RIGHT, UP | DOWN
SIDES, UPRIGHT = 3 * LEFT_RIGHT, 3 * UP_DOWN
DASHED = 3 * LEFT_RIGHT
STUB = 3 * UP
"""A cell in which a wire that is not drawn leaves its source or reaches its target."""

_LINES = " ╷╻╵│╽╹╿┃╶╭┎╰├┟┖┞┠╺┍┏┕┝┢┗┡┣╴╮┒╯┤┧┚┦┨─┬┰┴┼╁┸╀╂╼┮┲┶┾╆┺╄╊╸┑┓┙┥┪┛┩┫╾┭┱┵┽╅┹╃╉━┯┳┷┿╈┻╇╋"


def _glyph(cell: int) -> str:
    arms = [cell >> shift & 3 for shift in (0, 2, 4, 6)]
    if cell & UPRIGHT == STUB:
        return "»"
    if cell == DASHED:
        return "╌"
    left, right, up, down = (1 if arm == 3 else arm for arm in arms)
    return _LINES[27 * left + 9 * right + 3 * up + down]


def _ascii(cell: int) -> str:
    if cell & UPRIGHT == STUB:
        return ">"
    sides, upright = cell & SIDES, cell & UPRIGHT
    if not upright:
        return (" ", "-", "=", "~")[max(cell & 3, cell >> 2 & 3)]
    if not sides:
        return "|"
    if cell & (3 * UP) and cell & (3 * DOWN):
        return "+"
    if cell & 3 and cell >> 2 & 3:
        return "+"
    return "'" if cell & (3 * UP) else "."


GLYPHS = tuple(map(_glyph, range(256)))
ASCII_GLYPHS = tuple(map(_ascii, range(256)))
