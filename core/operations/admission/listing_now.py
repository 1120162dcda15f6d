"""What a step that only lists files would find if it ran now."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.domain.mission import MissionStep
from core.engine.preparation import Prepared
from core.step_type.failure import StepFailedError
from core.step_type.registry import normalise_type

LISTINGS = frozenset({"file_search", "list_directory"})
"""Types that read names in folders, and change nothing."""


def is_listing(step: MissionStep) -> bool:
    """Tell whether a step does nothing but list files, once and whatever is the case."""
    is_plain = step.when is None and not step.preconditions and step.repeat is None
    fans_out = step.foreach is not None or step.matrix is not None
    return normalise_type(step.step_type) in LISTINGS and is_plain and not fans_out


def listing_now(
    prepared: Prepared, folder: Path, protected: tuple[Path, ...], permitted: tuple[Path, ...]
) -> Mapping[str, Any] | None:
    """Return the output that the step would have now; None if it would fail."""
    from core.steps.file.confined_tree import Tree
    from core.steps.file.place import PathRefusedError
    from core.steps.file.search import ListParameters, entries_listed, files_found

    if prepared.refusal is not None:
        return None
    parameters = prepared.parameters
    list_them = entries_listed if isinstance(parameters, ListParameters) else files_found
    try:
        with Tree(prepared.working_dir or folder, protected, permitted) as tree:
            return list_them(tree, parameters, lambda: None, lambda _level, _text: None)
    except (PathRefusedError, StepFailedError, OSError):
        return None
