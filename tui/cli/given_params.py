"""The parameters that a command line gives: from an earlier run, from a file, and one by one."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from core.operations.mission_order import parse_params
from tui.cli.invocation import Invocation


class ParamSources(Struct, frozen=True):
    """Where values come from: later ones replace earlier ones."""

    execution: str | None
    """The reference of `--params-from`."""
    file: str | None
    """The path of `--params-file`."""
    pairs: Sequence[str]
    """`NAME=VALUE`, as `-p` has them."""


def given_params(invocation: Invocation, sources: ParamSources) -> dict[str, Any]:
    """Return the values by name, of which `-p` comes first, then the file, then the earlier run.

    Raises `UsageError` and `NotFoundError` for a source that cannot be read.
    """
    pairs = parse_params(sources.pairs)
    values: dict[str, Any] = {}
    if sources.execution is not None:
        from tui.cli.records import open_records  # most runs read no earlier one
        from tui.cli.reference import find_execution

        with open_records(invocation) as reader:
            found = find_execution(invocation, reader, sources.execution)
        values |= {name: value for name, value in found.params.items() if value is not None}
    if sources.file is not None:
        from core.mission_file.param_file import load_param_values

        values |= load_param_values(Path(sources.file))
    return {**values, **pairs}
