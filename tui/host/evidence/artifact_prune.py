"""Removes the artifacts of executions that are pruned, but none that another execution has."""

from collections.abc import Sequence

from core.audit.format.prune_record import PrunedExecution
from core.output.content_store import ContentStore
from storage.read.prune_plan import open_prune_plan
from tui.host.places import Paths

FRESH_SECONDS = 3600
"""While something runs, content that was written so recently stays.

An attempt writes its artifacts before its end is recorded, and the same content may be there
already from an execution that is pruned now.
"""


def remove_artifacts(paths: Paths, now: int, pruned: Sequence[PrunedExecution]) -> None:
    """Remove the content that only these executions have, whose attempts must still be there.

    They are named by the event that prunes them, so that no reader shows them any more. `now` is
    nanoseconds since the epoch. Raises `UnavailableError` when a file cannot be removed.
    """
    if not pruned or not paths.artifacts.is_dir():
        return
    store = ContentStore(paths.artifacts)
    store.remove_unfinished()
    with open_prune_plan(paths.db) as reader:
        found = reader.artifacts_only_of({entry.row for entry in pruned})
        is_busy = reader.has_open()
    newest = now / 1e9 - FRESH_SECONDS
    for digest in found:
        path = store.path_of(digest)
        if not is_busy or (path.exists() and path.lstat().st_mtime < newest):
            store.remove(digest)
