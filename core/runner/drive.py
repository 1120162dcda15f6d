"""Drive one execution in this process, from its lease to its sealed end."""

import asyncio
import gc
import os
from pathlib import Path

from core.domain.states import ExecutionState
from core.engine.secret_delivery import remove_abandoned_places
from core.errors import UnavailableError
from core.machine.daemon_threads import DaemonThreads
from core.operations.site import OpenStore, Site
from core.ports.control import RequestKind
from core.runner.descriptor_check import require_descriptors
from core.runner.drive_plan import Driven, DrivePlan, breaker_policy
from core.runner.driver import Driver, make_folder
from core.runner.execution_tree import ExecutionTree, Origin, origin_of, read_execution_tree
from core.runner.heartbeat import run_engine
from core.runner.signal_watch import signals_watched


async def drive(site: Site, store: OpenStore, plan: DrivePlan) -> Driven:
    """Take the lease and drive the execution to its end, sub-missions included.

    Changes the working directory of this process and the default executor of its event loop.

    Raises `LeaseHeldError` while another runner lives, `ConflictError` when the execution has
    ended, and what the journal raises when it cannot be written.
    """
    if plan.mission.secrets:
        remove_abandoned_places()
    executor = site.new_executor(plan.mission.config)
    asyncio.get_running_loop().set_default_executor(DaemonThreads())
    try:
        driver = Driver(site, store, executor, plan, *_execution_tree_of(site, plan))
        async with driver.leased() as lease:
            asked = await store.control.take_requests(lease)
            await driver.resume(is_ending=any(one.kind is RequestKind.CANCEL for one in asked))
            _enter(plan.working_dir)
            require_descriptors(breaker_policy(plan))
            engine = driver.engine()
            for request in asked:
                engine.request(request)
            if plan.on_ready is not None:
                plan.on_ready()
            _freeze_memory()
            async with signals_watched(engine, plan, executor) as stopped_by:
                ending = await run_engine(engine, store.control, lease, executor)
        return Driven(ending=ending, receipt=engine.receipt, signal=stopped_by.number)
    finally:
        await executor.close()


def _execution_tree_of(site: Site, plan: DrivePlan) -> tuple[ExecutionTree, list[Origin]]:
    """Return the tree and the origins of an execution; nothing is read for one that is new."""
    execution = plan.snapshot.current
    if execution.state is ExecutionState.PENDING and execution.parent_execution_id is None:
        return ExecutionTree(), [origin_of(execution.source_path, execution.mission_digest)]
    return read_execution_tree(site, execution)


def _enter(folder: Path) -> None:
    """Make the mission's folder this process's own: child processes inherit it at no cost."""
    make_folder(folder)
    try:
        os.chdir(folder)
    except OSError as error:
        raise UnavailableError(f"working_dir {folder}: {error.strerror or error}") from error


def _freeze_memory() -> None:
    """Exclude what was loaded from later garbage collections: mission and graph stay to the end.

    Loading makes next to no garbage, and looking for it among all that stays takes longer than to
    load a mission of one step.
    """
    gc.freeze()
