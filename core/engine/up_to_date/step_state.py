"""What a step depends on and what it left, as compared with the record of its last success."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from core.domain.events import dump_json
from core.engine.up_to_date.file_state import FileState, files_digest
from core.value.conversion import converter
from core.value.non_utf8 import escape_non_utf8

FORMAT = 1

Values = Mapping[str, str]
"""The digest, under a secret key, of each value that a step depends on, by its name."""


class StepState(Struct, frozen=True, kw_only=True):
    """The values and input files of a step before an attempt."""

    values: Values
    inputs: Mapping[str, FileState]


class StepRecord(Struct, frozen=True, kw_only=True):
    """What the last success of a step depended on and left."""

    execution_id: str
    attempt: int
    state: StepState
    outputs: Mapping[str, FileState]
    """The files that it left."""
    result: dict[str, Any]
    """Its output for other steps, secrets masked."""

    def encode(self) -> bytes:
        """Return the record as it is stored (JSON)."""
        found = msgspec.to_builtins(self)
        return dump_json({"format": FORMAT, "record": found}).encode("ascii")


_convert = converter(StepRecord)


def encode_problem(problem: str) -> bytes:
    """Return what is stored of a success that could not be recorded: why not (JSON)."""
    return dump_json({"format": FORMAT, "problem": problem}).encode("ascii")


def decode_problem(data: bytes) -> str | None:
    """Return why a success could not be recorded; None if that is not what is stored."""
    try:
        found = json.loads(data)
        problem = found["problem"] if found["format"] == FORMAT else None
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return problem if problem.__class__ is str else None


def decode_record(data: bytes) -> StepRecord | None:
    """Return a stored record; None for one that is damaged or of another format."""
    try:
        found = json.loads(data)
        if found["format"] != FORMAT:
            return None
        return _convert(found["record"])
    except (ValueError, TypeError, KeyError, RecursionError):  # a `ValidationError` is a ValueError
        return None


def changes(
    record: StepRecord, state: StepState, outputs: Mapping[str, FileState]
) -> Iterator[str]:
    """Yield what is not as the record says, one phrase each: values, input files, output files."""
    before, now = record.state.values, state.values
    for name in sorted(before.keys() | now.keys()):
        if before.get(name) != now.get(name):
            yield f"{name} {_verb(name in before, name in now)}"
    for what, old, new in (
        ("input", record.state.inputs, state.inputs),
        ("output", record.outputs, outputs),
    ):
        for path in sorted(old.keys() | new.keys()):
            then, found = old.get(path), new.get(path)
            if then is None or found is None or then.digest != found.digest:
                verb = _verb(then is not None, found is not None)
                yield f"{what} {escape_non_utf8(path)} {verb}"


def compared_facts(record: StepRecord) -> Mapping[str, Any]:
    """Return what was compared, for the audit: counts, and digests of values and contents."""
    values = "".join(
        f"{name}={record.state.values[name]}\n" for name in sorted(record.state.values)
    )
    return {
        "execution_id": record.execution_id,
        "attempt": record.attempt,
        "values": len(record.state.values),
        "values_sha256": hashlib.sha256(values.encode("utf-8", "surrogatepass")).hexdigest(),
        "inputs": len(record.state.inputs),
        "inputs_sha256": files_digest(record.state.inputs),
        "outputs": len(record.outputs),
        "outputs_sha256": files_digest(record.outputs),
    }


def _verb(was: bool, is_: bool) -> str:
    return "changed" if was and is_ else "is gone" if was else "is new"
