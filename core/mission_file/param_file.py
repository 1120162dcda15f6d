"""Reads the values of parameters from a YAML or JSON file, by the rules of mission files."""

from pathlib import Path
from typing import Any

from core.errors import UsageError
from core.mission_file.finding.diagnostic import Diagnostic
from core.mission_file.finding.limit import MAX_BYTES
from core.mission_file.finding.problem import Problems
from core.mission_file.finding.source_text import TextError, decode
from core.mission_file.load import guess_format, locator, parse, read_bytes


def load_param_values(path: Path) -> dict[str, Any]:
    """Return the values in a file by name; one that is null counts as not given.

    Raises `NotFoundError` when there is no such file, and `UsageError` that says where it is wrong.
    """
    name = str(path)
    content = read_bytes(path, what="parameter file", hint=None)
    if isinstance(content, Diagnostic):
        raise UsageError(content.message)
    if len(content) > MAX_BYTES:
        raise UsageError(f"{name} is larger than {MAX_BYTES // 2**20} MiB")
    try:
        text = decode(content)
    except TextError as error:
        raise UsageError(f"{name}: {error.message}", hint=error.hint) from error
    fmt = guess_format(name, content)
    problems = Problems()
    data = parse(text, fmt, problems)
    if problems.has_errors:
        first = next(iter(problems.diagnostics(name, text, locator(fmt, text))))
        place = f"{name}:{first.line}:{first.column}"
        raise UsageError(f"{place}: {first.message}", hint=first.hint)
    if data is None:
        return {}
    if data.__class__ is not dict:
        raise UsageError(
            f"{name} has no mapping of parameters to values", hint="write a line `NAME: VALUE` each"
        )
    return {key: value for key, value in data.items() if value is not None}
