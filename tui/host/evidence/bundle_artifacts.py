"""The artifacts that go into a bundle: those of its executions whose content is kept here."""

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

from msgspec import to_builtins

from core.audit.bundle.bundle_content import ArtifactFile, Artifacts
from core.output.content_store import ContentStore
from core.output.kept_artifacts import artifacts_of
from core.ports.reader import Reader

LEFT_OUT = "left out when the bundle was made"
EMPTY = "the file is empty"
NOT_KEPT = "not kept any more when the bundle was made"


def bundle_artifacts(
    reader: Reader, execution_ids: Iterable[str], folder: Path, *, leave_out: bool
) -> Artifacts:
    """Return the artifacts of executions; the same content goes into the bundle once.

    What is left out, or not there any more, is listed with the reason.
    """
    store = ContentStore(folder)
    listed: list[dict[str, Any]] = []
    files: dict[str, ArtifactFile] = {}
    for execution_id in execution_ids:
        for one in artifacts_of(reader, execution_id):
            is_kept = store.path_of(one.sha256).is_file()
            in_bundle = is_kept and not leave_out and one.bytes > 0
            facts = {**to_builtins(one), "in_bundle": in_bundle}
            if not in_bundle:
                facts["why"] = LEFT_OUT if leave_out else NOT_KEPT if one.bytes else EMPTY
            listed.append(facts)
            if in_bundle:
                parts = partial(store.pieces, one.sha256)
                files[one.sha256] = ArtifactFile(one.sha256, one.bytes, parts)
    return Artifacts(listed, list(files.values()))
