"""Where a recorded execution ran its processes, so that what goes on with it does so there."""

from contextlib import closing

from core.domain.records import Execution
from core.errors import NotFoundError
from core.operations.site import Site
from core.ports.reader import Reader

_FIRST_EVENTS = 16
"""The start of the engine is among the first events of an execution."""

_MOST_RETRIES = 100
"""How far a chain of retries is followed."""


def recorded_executor(reader: Reader, execution: Execution) -> str | None:
    """Return the executor that an execution was started on, as `--executor` names it.

    Of one that has not started it is that of the execution it retries or runs again. None when
    nothing says where.
    """
    for _ in range(_MOST_RETRIES):
        events = reader.audit_events(execution_id=execution.execution_id, limit=_FIRST_EVENTS)
        for event in events:
            name = event.details.get("executor")
            if event.event_type == "engine.started" and isinstance(name, str):
                return name
        earlier = execution.retry_of or execution.rerun_of
        if earlier is None:
            return None
        try:
            execution = reader.find_execution(earlier)
        except NotFoundError:  # it was pruned
            return None
    return None


def site_of_earlier(site: Site, execution_id: str | None) -> Site:
    """Return the site on which what goes on with an execution runs; None is for a new one."""
    if execution_id is None:
        return site
    with closing(site.open_reader()) as reader:
        try:
            earlier = reader.find_execution(execution_id)
        except NotFoundError:
            return site
        return site.with_executor(recorded_executor(reader, earlier))
