"""Prunes the database of a site: verifies, archives, names, and removes, in this order."""

import asyncio
import hashlib
import json
import re
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from msgspec import Struct, field

from core.audit.bundle.bundle_check import verify_bundle
from core.audit.format.prune_record import MAX_EXECUTIONS, PruneRecord
from core.errors import ConflictError, UnavailableError
from core.planning.retention.prune_choice import Candidate, choose
from storage.file.keystore import load_signer, public_keys
from storage.read.prune_plan import open_prune_plan
from tui.host.evidence.bundle_export import export_bundle, require_intact
from tui.host.evidence.log_check import Progress
from tui.host.evidence.output_file import new_file, put_in_place
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
    return PrunePlan(logs=logs, executions=executions, events=events, output_bytes=size)


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
        archived = _archive(site, order.archive, (*plan.executions, *plan.logs))
        index = _write_index(order.archive, archived)
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


async def _finish(site: LocalSite) -> int:
    async with open_session(site.paths, site.clock) as store:
        left = await store.pruner.unfinished()
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
                for entry in entries:
                    await store.pruner.remove(what, entry)
                    done += 1
                    progress(done, total)
    return seqs


def _batches(ids: Sequence[str]) -> Iterable[Sequence[str]]:
    return (ids[at : at + MAX_EXECUTIONS] for at in range(0, len(ids), MAX_EXECUTIONS))


def _archive(site: LocalSite, folder: Path, ids: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Write a verified bundle of each execution; return file name and SHA-256 (hex) by id.

    A sub-mission is in the bundle of its parent as well. A bundle that is there already, of an
    interrupted prune or of one that took the output alone, is verified and stays as it is: it may
    hold the only copy of that output.
    """
    if load_signer(site.paths.keys) is None:
        raise UnavailableError(f"there is no audit key in {site.paths.keys} to sign bundles with")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UnavailableError(f"{folder} cannot be made: {error.strerror or error}") from error
    found: dict[str, tuple[str, str]] = {}
    with closing(site.open_reader()) as reader:
        for one in ids:
            execution = reader.find_execution(one)
            name = re.sub(r"[^A-Za-z0-9_-]", "_", execution.mission_name)[:100]
            target = folder / f"{name}-{execution.run_number}-{one}.zip"
            if target.exists():
                found[one] = (target.name, _digest_of_bundle(site, target, one))
                continue
            done = export_bundle(site, reader, execution, target, overwrite=False, is_verified=True)
            found[one] = (target.name, done.sha256)
    return found


def _digest_of_bundle(site: LocalSite, target: Path, execution_id: str) -> str:
    """Return the SHA-256 (hex) of a bundle that is there already; `ConflictError` if it is none."""
    report = verify_bundle(target, public_keys(site.paths.keys))
    if not report.is_intact or not _is_bundle_of(target, execution_id):
        raise ConflictError(
            f"{target} exists and is no intact bundle of this execution: nothing was pruned",
            hint="name another folder for the archive, or move the file away",
        )
    with target.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _is_bundle_of(target: Path, execution_id: str) -> bool:
    """Tell whether the signed note of an intact bundle names this execution."""
    with zipfile.ZipFile(target) as archive:
        return execution_id in archive.read("bundle.note").decode().splitlines()


def _write_index(folder: Path, archived: Mapping[str, tuple[str, str]]) -> dict[str, Any]:
    """Write the list of bundles, a line of JSON for each; return its name and digest."""
    lines = [
        json.dumps({"execution_id": key, "file": file, "sha256": digest}, sort_keys=True)
        for key, (file, digest) in archived.items()
    ]
    data = "".join(f"{line}\n" for line in lines).encode()
    digest = hashlib.sha256(data).hexdigest()
    target = folder / f"index-{digest[:16]}.ndjson"
    with new_file(target) as file:
        file.write(data)
        file.flush()
        put_in_place(Path(file.name), target, overwrite=True)
    return {"file": target.name, "sha256": digest, "bundles": len(archived)}
