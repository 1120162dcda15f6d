"""Prunes the database of a site: verifies, archives, names, and removes, in this order."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct, field

from core.audit.format.prune_record import MAX_EXECUTIONS, PruneRecord
from core.planning.retention.prune_choice import Candidate, choose
from storage.read.prune_plan import open_prune_plan
from tui.host.evidence.archive_run import archive, write_index
from tui.host.evidence.artifact_prune import remove_artifacts
from tui.host.evidence.bundle_export import require_intact
from tui.host.evidence.log_check import Progress
from tui.host.session import open_session
from tui.host.site import LocalSite

SECOND_NS = 1_000_000_000


class PruneOrder(Struct, frozen=True, kw_only=True):
    """What may go: output and executions that ended so many seconds ago, None for none of them.

    The `keep` newest executions of each mission stay, output and all. What goes is written to the
    folder `archive` first, if there is one.
    """

    logs_seconds: float | None
    executions_seconds: float | None
    keep: int = 0
    archive: Path | None = None


class PrunePlan(Struct, frozen=True, kw_only=True):
    """The ids of executions whose output goes, and of those that go as a whole; their sizes."""

    logs: Sequence[str]
    executions: Sequence[str]
    events: int
    output_bytes: int
    artifacts: int = 0
    """How many contents of artifacts no other execution has."""
    artifact_bytes: int = 0


class PruneResult(Struct, frozen=True, kw_only=True):
    """What was done: the plan, the events that name it, and the archived files by execution."""

    plan: PrunePlan
    seqs: Sequence[int] = ()
    finished: int = 0
    """Executions of earlier prunes that had been interrupted, and are removed now."""
    archived: Mapping[str, str] = field(default_factory=dict)


def plan_prune(site: LocalSite, order: PruneOrder) -> PrunePlan:
    """Return what a prune would take at this moment; writes nothing."""
    now = site.clock.now()
    with open_prune_plan(site.paths.db) as reader:
        stored = reader.executions()
        candidates = [
            Candidate(
                execution_id=one.execution_id,
                workflow_id=one.workflow_id,
                ended_at=one.ended_at,
                is_sealed=one.is_sealed,
                linked=one.linked,
                uses=one.uses,
                is_root=one.is_root,
            )
            for one in stored
        ]

        def chosen(seconds: float | None) -> list[str]:
            if seconds is None:
                return []
            before = now - round(seconds * SECOND_NS)
            return choose(candidates, ended_before=before, keep=order.keep)

        executions = chosen(order.executions_seconds)
        whole = set(executions)
        has_output = {
            one.execution_id for one in stored if one.has_output and not one.is_output_pruned
        }
        logs = [one for one in chosen(order.logs_seconds) if one in has_output and one not in whole]
        events, _ = reader.sizes(executions)
        _, size = reader.sizes((*executions, *logs))
        artifacts = reader.artifacts_only_of(reader.rows_of(executions)) if executions else {}
    return PrunePlan(
        logs=logs,
        executions=executions,
        events=events,
        output_bytes=size,
        artifacts=len(artifacts),
        artifact_bytes=sum(artifacts.values()),
    )


def prune(
    site: LocalSite,
    order: PruneOrder,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
    verifying: Progress | None = None,
) -> PruneResult:
    """Prune what `order` allows, and finish what an interrupted prune has left.

    The records are verified first. `progress` gets how many executions are done, and of how many,
    `verifying` the same of events. Raises `AuditError` when the records do not verify,
    `ConflictError` when one of the executions changed in the meantime,
    `UnavailableError` when the archive cannot be written.
    """
    finished = asyncio.run(_finish(site))
    plan = plan_prune(site, order)
    if not plan.logs and not plan.executions:
        return PruneResult(plan=plan, finished=finished)
    require_intact(site, verifying)
    archived: dict[str, tuple[str, str]] = {}
    index: dict[str, Any] = {}
    if order.archive is not None:
        archived, index = archive_all(site, order.archive, plan)
    policy: dict[str, Any] = {"keep": order.keep}
    for name, seconds in (("logs", order.logs_seconds), ("executions", order.executions_seconds)):
        if seconds is not None:
            policy[f"{name}_older_than_seconds"] = round(seconds)
    seqs = asyncio.run(_run(site, plan, policy, archived, index, progress))
    return PruneResult(
        plan=plan,
        seqs=seqs,
        finished=finished,
        archived={key: file for key, (file, _) in archived.items()},
    )


def archive_plan(
    site: LocalSite, order: PruneOrder, folder: Path, verifying: Progress | None = None
) -> PruneResult:
    """Write what a prune would take to bundles in a folder, and remove nothing.

    A prune that archives to the same folder finds them there. Raises what `prune` raises.
    """
    plan = plan_prune(site, order)
    if not plan.logs and not plan.executions:
        return PruneResult(plan=plan)
    require_intact(site, verifying)
    archived, _ = archive_all(site, folder, plan)
    return PruneResult(plan=plan, archived={key: file for key, (file, _) in archived.items()})


def archive_all(
    site: LocalSite, folder: Path, plan: PrunePlan
) -> tuple[dict[str, tuple[str, str]], dict[str, Any]]:
    """Write the bundles of a plan and their index; return file and SHA-256 by id, and the index."""
    archived = archive(site, folder, (*plan.executions, *plan.logs))
    return archived, write_index(folder, archived)


async def _finish(site: LocalSite) -> int:
    async with open_session(site.paths, site.clock) as store:
        left = await store.pruner.unfinished()
        whole = [entry for kind, entry in left if kind == "executions"]
        remove_artifacts(site.paths, site.clock.now(), whole)
        for kind, entry in left:
            await store.pruner.remove(kind, entry)
    return len(left)


async def _run(
    site: LocalSite,
    plan: PrunePlan,
    policy: dict[str, Any],
    archived: Mapping[str, tuple[str, str]],
    index: dict[str, Any],
    progress: Callable[[int, int], None],
) -> list[int]:
    seqs: list[int] = []
    done, total = 0, len(plan.logs) + len(plan.executions)
    async with open_session(site.paths, site.clock) as store:
        for what, ids in (("logs", plan.logs), ("executions", plan.executions)):
            for batch in _batches(ids):
                with open_prune_plan(site.paths.db) as reader:
                    entries = [
                        reader.entry(one, archived[one][1] if one in archived else None)
                        for one in batch
                    ]
                record = PruneRecord(
                    what="logs" if what == "logs" else "executions",
                    executions=entries,
                    policy=policy,
                    archive=index,
                )
                seqs.append(await store.pruner.name(record, actor=site.actor, at=site.clock.now()))
                if what == "executions":
                    remove_artifacts(site.paths, site.clock.now(), entries)
                for entry in entries:
                    await store.pruner.remove(what, entry)
                    done += 1
                    progress(done, total)
    return seqs


def _batches(ids: Sequence[str]) -> Iterable[Sequence[str]]:
    return (ids[at : at + MAX_EXECUTIONS] for at in range(0, len(ids), MAX_EXECUTIONS))
