"""Base of the file steps: confinement, parameter types, translation of errors into outcomes."""

import base64
import binascii
import codecs
import fcntl
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer

from core.errors import BugError
from core.security.safety.finding import PATH_ESCAPE, violation
from core.step_type.failure import StepFailedError, check_cancelled, os_failure
from core.step_type.intent import Intent
from core.step_type.parameter_text import scalar_text
from core.step_type.step_type import Mode, StepCall, StepOutcome, StepType
from core.steps.file.confined_tree import Tree
from core.steps.file.place import OutsideError, PathRefusedError, Place

CHUNK_BYTES = 1 << 20
SIZE_LIMIT_BYTES = 256 * 1024 * 1024
"""The most a step holds in memory."""
_MODE_MAX = 0o777
_LOCK_POLL_SECONDS = 0.01
_NOT_TEXT = frozenset({"unicode-escape", "raw-unicode-escape", "utf-7", "punycode", "idna"})
"""Codecs whose text JSON cannot represent, or that are not file encodings."""


class FileStep(StepType):
    """A step confined to the working directory; it overrides `act` instead of `run`.

    `act` returns the output object. A path that leaves the working directory and the folders that
    the settings permit, or that names a device, FIFO, socket or protected file, ends the step with
    SECURITY_VIOLATION, which halts the mission.
    """

    mode: ClassVar[Mode] = Mode.BLOCKING
    reads: ClassVar[tuple[str, ...]] = ()
    writes: ClassVar[tuple[str, ...]] = ()
    """The parameters that name files that it reads, and that it writes, moves or deletes."""

    def intent(self, parameters: Mapping[str, Any]) -> Intent:
        """Name the files."""
        return Intent(reads=_texts(parameters, self.reads), writes=_texts(parameters, self.writes))

    def run(self, call: StepCall) -> StepOutcome:
        """Act within the working directory."""
        try:
            with tree_of(call) as tree:
                return StepOutcome.success(self.act(tree, call))
        except PathRefusedError as error:
            return path_violation(error)
        except StepFailedError as error:
            return error.outcome()
        except OSError as error:
            return os_failure(error)

    def act(self, tree: Tree, call: StepCall) -> Mapping[str, Any]:
        """Do the work and return the output; `OSError` and `StepFailedError` fail the step."""
        raise BugError(f"{call.task_id}: {self.name} does not implement act ({tree.root})")


def path_violation(error: PathRefusedError) -> StepOutcome:
    """Return the outcome of an attempt that names a path which is refused."""
    return violation(PATH_ESCAPE, str(error), is_final=not isinstance(error, OutsideError))


def tree_of(call: StepCall) -> Tree:
    """Return the tree of files that a step may reach; the caller closes it."""
    return Tree(call.working_dir, call.protected_paths, call.permitted.folders)


def _texts(parameters: Mapping[str, Any], names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(str(scalar_text(parameters[name])) for name in names if name in parameters)


def parse_mode(value: object) -> object:
    """Return permission bits from octal text (`"0644"`, `"0o644"`) or an unquoted number.

    YAML reads an unquoted 0644 as the number 644, and 0o644 as 420. A number is interpreted as the
    digits or as the value, whichever is a plausible mode; if both are, it is refused as ambiguous.
    """
    if value is None:
        return None
    if isinstance(value, str):
        return _octal(value.strip())
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError('a mode is octal text such as "0644"')  # noqa: TRY004 - pydantic takes ValueError
    digits = str(value)
    readings = {value} if _is_sensible(value) else set()
    if set(digits) <= set("01234567") and _is_sensible(int(digits, 8)):
        readings.add(int(digits, 8))
    if len(readings) != 1:
        raise ValueError(f'{value} is ambiguous or not a mode: write it quoted, such as "0644"')
    return readings.pop()


def _octal(text: str) -> int:
    digits = text.removeprefix("0o")
    if not digits or set(digits) - set("01234567") or int(digits, 8) > _MODE_MAX:
        raise ValueError(f'{text!r} is not a mode: write octal text from "0000" to "0777"')
    return int(digits, 8)


def _is_sensible(mode: int) -> bool:
    owner, group, other = mode >> 6, mode >> 3 & 7, mode & 7
    return 0 <= mode <= _MODE_MAX and owner & 4 == 4 and not group & ~owner and not other & ~group


PathText = Annotated[
    str,
    BeforeValidator(scalar_text, json_schema_input_type=str),
    Field(min_length=1, max_length=4096),
]
"""A path relative to the working directory, or absolute and inside it."""

FileMode = Annotated[
    int | None,
    BeforeValidator(parse_mode, json_schema_input_type=str | int | None),
    PlainSerializer(lambda mode: None if mode is None else f"{mode:04o}", return_type=str | None),
]
"""Permission bits of a file, written in octal."""


def write_all(descriptor: int, data: bytes | memoryview) -> None:
    """Write all of `data`, in as many calls as needed."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def copy_bytes(source: int, target: int, call: StepCall) -> int:
    """Copy the rest of `source` and return its size in bytes; stop when cancelled."""
    size = 0
    while chunk := os.read(source, CHUNK_BYTES):
        check_cancelled(call)
        write_all(target, chunk)
        size += len(chunk)
    return size


def shown(value: object) -> str:
    """Return a raw parameter as one line for a plan."""
    return " ".join(str(value).split()) or "?"


def shown_size(content: object) -> str:
    """Return the size of a text for a plan, if it is known before templates are rendered."""
    if isinstance(content, str) and "{{" not in content and "{%" not in content:
        size = len(content.encode("utf-8", "replace"))
        return "1 byte" if size == 1 else f"{size} bytes"
    return "the rendered content"


def parse_encoding(value: str) -> str:
    """Return `base64` or the name of a text encoding of Python; `ValueError` otherwise."""
    if value.strip().lower() == "base64":
        return "base64"
    try:
        name = codecs.lookup(value.strip()).name
        "".encode(name)  # refuses codecs that are not text encodings (zlib, hex, rot13)
    except (LookupError, ValueError):
        name = ""
    if not name or name in _NOT_TEXT:
        raise ValueError(f"unknown encoding {value!r}: utf-8, latin-1, utf-16, ..., or base64")
    return name


Encoding = Annotated[str, AfterValidator(parse_encoding)]
"""A text encoding, or `base64` for bytes."""


def encoded(content: str, encoding: str) -> bytes:
    """Return the bytes to write. Raises `StepFailedError` when the text cannot be encoded."""
    try:
        if encoding == "base64":
            return base64.b64decode("".join(content.split()), validate=True)
        return content.encode(encoding)
    except (UnicodeError, binascii.Error) as error:
        raise StepFailedError(f"content is not {encoding}: {error}", "encoding") from error


def read_bytes(descriptor: int, call: StepCall, limit: int = SIZE_LIMIT_BYTES) -> bytes:
    """Return the content, or its first `limit + 1` bytes if it is longer."""
    data = bytearray()
    while len(data) <= limit:
        check_cancelled(call)
        chunk = os.read(descriptor, min(CHUNK_BYTES, limit + 1 - len(data)))
        if not chunk:
            break
        data += chunk
    return bytes(data)


@contextmanager
def locked(place: Place, flags: int, call: StepCall) -> Iterator[int]:
    """Open a file with an exclusive lock; retry if it was replaced before the lock was acquired."""
    while True:
        descriptor = place.open_file(flags)
        try:
            while not _try_lock(descriptor):
                check_cancelled(call)
                time.sleep(_LOCK_POLL_SECONDS)
            mine, current = os.fstat(descriptor), place.file_status()
            if current is not None and (mine.st_dev, mine.st_ino) == (
                current.st_dev,
                current.st_ino,
            ):
                yield descriptor
                return
        finally:
            os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
