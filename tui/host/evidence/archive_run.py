"""Archives executions before they are pruned: a verified bundle of each, and an index of all."""

import hashlib
import json
import re
import zipfile
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from core.audit.bundle.bundle_check import verify_bundle
from core.errors import ConflictError, UnavailableError
from storage.file.keystore import load_signer, public_keys, revoked_keys
from tui.host.evidence.bundle_export import export_bundle
from tui.host.evidence.output_file import new_file, put_in_place
from tui.host.site import LocalSite


def archive(site: LocalSite, folder: Path, ids: Sequence[str]) -> dict[str, tuple[str, str]]:
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
    keys = site.paths.keys
    report = verify_bundle(target, public_keys(keys), revoked=revoked_keys(keys))
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


def write_index(folder: Path, archived: Mapping[str, tuple[str, str]]) -> dict[str, Any]:
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
