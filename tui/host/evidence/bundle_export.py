"""Writes the evidence of an execution to a zip file, and records that it did."""

import asyncio
import os
import re
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from msgspec import Struct

from core.audit.bundle.bundle_check import verify_bundle
from core.audit.bundle.bundle_content import members
from core.audit.bundle.bundle_zip import COPY_BYTES, write_zip
from core.audit.verify.verdict import headline
from core.domain.records import Execution
from core.errors import AuditError, UnavailableError
from core.machine.system_clock import SystemClock
from core.operations.log_note import record_export
from core.ports.reader import Reader
from storage.file.keystore import load_signer, public_keys, revoked_keys
from storage.read.evidence import open_evidence
from tui.host.evidence.bundle_artifacts import bundle_artifacts
from tui.host.evidence.log_check import LogCheck, Progress
from tui.host.evidence.output_file import new_file, put_in_place, refuse_existing
from tui.host.session import finish_rotation
from tui.host.site import LocalSite
from tui.output import json_shapes


class Exported(Struct, frozen=True, kw_only=True):
    """What was written: path, size in bytes, SHA-256 (hex), and what is in it."""

    path: str
    bytes: int
    sha256: str
    executions: int
    events: int
    head: str
    artifacts: int = 0
    """Files that were kept of attempts, each content once."""
    left_out: int = 0
    """Artifacts whose content is not in it; the bundle lists them."""


def usual_file(execution: Execution) -> str:
    """Return the name of the file that evidence is written to without another one."""
    name = re.sub(r"[^A-Za-z0-9_-]", "_", execution.mission_name)[:100]
    return f"{name}-{execution.run_number}.zip"


def export_bundle(
    site: LocalSite,
    reader: Reader,
    execution: Execution,
    target: Path,
    *,
    overwrite: bool,
    progress: Progress | None = None,
    is_verified: bool = False,
    artifacts: bool = True,
) -> Exported:
    """Write the bundle of an execution and its sub-missions; return what was written.

    With `is_verified` the caller has verified the records already. Without `artifacts` these are
    listed and left out. The file appears whole, after it was verified and the export was recorded,
    or not at all. Raises `AuditError` when the records or an artifact do not verify,
    `ConflictError` when the execution has not ended or the target exists, `UnavailableError` when
    it cannot be written.
    """
    refuse_existing(target, overwrite=overwrite)
    paths = site.paths
    finish_rotation(paths)
    keys = public_keys(paths.keys)
    signer = load_signer(paths.keys)
    if signer is None:
        raise UnavailableError(
            f"there is no audit key in {paths.keys} to sign the bundle with",
            hint="restore the key from a backup, or export where it is",
        )
    if not is_verified:
        require_intact(site, progress)
    with new_file(target) as file:
        with open_evidence(paths.db, execution.execution_id) as content:
            results = {one: _result(reader, one) for one in content.seals}
            kept = bundle_artifacts(reader, content.seals, paths.artifacts, leave_out=not artifacts)
            write_zip(file, members(content, results, signer, kept))
        file.flush()
        os.fsync(file.fileno())
        report = verify_bundle(Path(file.name), keys, revoked=revoked_keys(paths.keys))
        if not report.is_intact:
            raise AuditError(f"the bundle does not verify: {headline(report)}")
        size, digest = file.seek(0, os.SEEK_END), sha256()
        file.seek(0)
        while data := file.read(COPY_BYTES):
            digest.update(data)
        done = Exported(
            path=str(target),
            bytes=size,
            sha256=digest.hexdigest(),
            executions=report.executions,
            events=report.events,
            head=report.head,
            artifacts=len(kept.files),
            left_out=sum(not one["in_bundle"] for one in kept.listed),
        )
        facts: Mapping[str, object] = {
            "bundle_sha256": done.sha256,
            "bytes": done.bytes,
            "execution_id": execution.execution_id,
            "executions": done.executions,
            "file": target.name,
            "head": done.head,
        }
        asyncio.run(record_export(site, facts))
        put_in_place(Path(file.name), target, overwrite=overwrite)
    return done


def require_intact(site: LocalSite, progress: Progress | None = None) -> None:
    """Verify all records; raise `AuditError` if anything is wrong with them.

    Events that a revoked key alone has signed are not: a bundle or a prune names what it is about.
    """
    report = LogCheck(site.paths, SystemClock()).full(progress=progress).report
    if report is not None and not report.is_unchanged:
        raise AuditError(
            f"the records do not verify, so they are no evidence: {headline(report)}",
            hint="`mission audit verify` lists all that is wrong",
        )


def _result(reader: Reader, execution_id: str) -> dict[str, object]:
    found = json_shapes.execution_detail(
        reader.find_execution(execution_id),
        reader.task_runs(execution_id),
        reader.attempts(execution_id),
        reader.state_changes(execution_id),
        (),
    )
    del found["audit_events"]  # they are a file of their own, in exact bytes
    return found
