"""Where file systems are mounted on this machine. Linux only; elsewhere none are known."""

import re
from pathlib import Path
from typing import Final

TABLE: Final = Path("/proc/self/mounts")
"""The mount table of this process (proc(5), fstab(5)); spaces in it are octal escapes."""

_ESCAPE: Final = re.compile(r"\\([0-7]{3})")


def mount_points(table: Path = TABLE) -> frozenset[str]:
    """Return the folders on which file systems are mounted; none without a mount table."""
    try:
        lines = table.read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return frozenset()
    fields = (line.split(" ") for line in lines)
    return frozenset(
        _ESCAPE.sub(lambda match: chr(int(match[1], 8)), found[1])
        for found in fields
        if len(found) > 1
    )
