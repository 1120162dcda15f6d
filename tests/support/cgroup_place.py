"""A control group of version 2 that tests may divide, where this system has one."""

import os
from pathlib import Path

from core.executors.cgroups.delegation import all_mounts, is_version_2
from core.executors.cgroups.group_folder import GroupFolder

KILL_SECONDS = 5.0


def make_group(name: str, *controllers: str) -> GroupFolder | None:
    """Return a new group below a mount, with these controllers; None where that cannot be."""
    for root, point in all_mounts():
        if root != "/" or not is_version_2(point) or not os.access(point, os.W_OK):
            continue
        top = GroupFolder(point)
        if not top.controllers().issuperset(controllers):
            continue
        group = GroupFolder(point / f"{name}-{os.getpid()}")
        try:
            top.enable(frozenset(controllers))
            group.create()
        except OSError:
            continue
        return group
    return None


def unmake(group: GroupFolder) -> None:
    """End what is in a group and remove it."""
    assert group.end(KILL_SECONDS) == 0
    assert group.remove(), [str(one) for one in Path(group.path).rglob("*/")]
