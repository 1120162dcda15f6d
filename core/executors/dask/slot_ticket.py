"""The task that Dask places: it holds a slot on a worker, and knows nothing of what runs there.

It travels by value: the scheduler, which reads all tasks, need not have this package.
"""


def hold_slot(session: str, key: str, topic: str) -> str:
    """Take the slot in which this runs for an attempt, until the attempt is over.

    Returns what became of it: `over`, `unclaimed` or `closed`. Raises `KeyError` on a worker
    without the plugin.
    """
    from typing import Any

    from distributed import get_worker

    plugin: Any = get_worker().plugins["missiondeck"]
    held: str = plugin.hold_slot(session, key, topic)
    return held
