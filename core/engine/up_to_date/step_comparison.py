"""Compares a step with the record of its last success. Blocking: for threads, not for the loop."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from core.engine.up_to_date.file_search import find_files
from core.engine.up_to_date.file_state import FileProblemError, FileState, FileStates
from core.engine.up_to_date.step_state import (
    StepRecord,
    StepState,
    changes,
    decode_problem,
    decode_record,
)
from core.errors import MissionDeckError
from core.ports.step_record import StepRecordKey, StepRecords, StoredStepRecord
from core.security.mission_secrets import MissionSecrets
from core.value.non_utf8 import escape_non_utf8

FORCED = "forced by `--force`"
NO_RECORD = "no success of it is recorded"
NOT_SUCCEEDED = "its last attempt has not succeeded"
UNREADABLE = "the record of its last success cannot be read"


class StepFiles(Struct, frozen=True, kw_only=True):
    """The files of a step: patterns relative to `folder`; what it makes stays within `root`."""

    folder: Path
    root: Path
    reads: tuple[str, ...]
    makes: tuple[str, ...]


class Question(Struct, frozen=True, kw_only=True):
    """A step about to start. `texts` are the values that it depends on, by name."""

    task_id: str
    key: StepRecordKey
    texts: Mapping[str, str]
    secrets: tuple[str, ...]
    files: StepFiles
    is_forced: bool = False


class Compared(Struct, frozen=True, kw_only=True):
    """The answer. Without a reason in `because` the step is up to date, and has a `record`."""

    task_id: str
    key: StepRecordKey
    because: tuple[str, ...]
    state: StepState | None
    """None when the step cannot be compared, and so cannot be recorded either."""
    record: StepRecord | None = None
    holder: str = ""
    refreshed: bytes | None = None
    """The record with newer looks of the same contents, to be stored in the place of the old."""


class StepComparer:
    """Compares steps. `secrets` are None for a mission that can have none."""

    def __init__(
        self, records: StepRecords, files: FileStates, secrets: MissionSecrets | None
    ) -> None:
        self._records = records
        self._files = files
        self._secrets = secrets

    def compare(self, questions: Sequence[Question]) -> list[Compared]:
        """Return the answers, in order. Raises `UnavailableError` for unreadable records."""
        stored = self._records.read([question.key for question in questions])
        return [self._answer(question, stored.get(question.key)) for question in questions]

    def made(self, files: StepFiles) -> Mapping[str, FileState]:
        """Return the files that a step has made. Raises `FileProblemError`."""
        found = find_files(files.folder, files.makes, within=files.root)
        return self._states(files.folder, found, {})

    def changed_meanwhile(
        self,
        compared: StepState,
        files: StepFiles,
        texts: Mapping[str, str],
        made: Collection[str],
    ) -> str | None:
        """Return what is not as it was when the step was compared, None if all is.

        `texts` are the values of the attempt, `made` the files that it has made itself. What was
        changed and changed back counts: nobody knows which of it the attempt has read.
        """
        secret = self._records.secret
        for name, text in texts.items():
            if compared.values.get(name) != _keyed_text(secret, text):
                return f"{name} changed before it ran"
        for path, state in compared.inputs.items():
            if path not in made and not state.looks_like(f"{files.folder}/{path}"):
                return f"input {escape_non_utf8(path)} changed while it ran"
        return None

    def _answer(self, question: Question, stored: StoredStepRecord | None) -> Compared:
        record = None if stored is None or stored.data is None else decode_record(stored.data)
        files = question.files
        try:
            found = find_files(files.folder, files.reads, within=None)
            known = {} if record is None else record.state.inputs
            inputs = self._states(files.folder, found, known)
            state = StepState(values=self._values(question), inputs=inputs)
        except FileProblemError as error:
            why = (f"inputs: {error}",)
            return Compared(task_id=question.task_id, key=question.key, because=why, state=None)
        except MissionDeckError as error:
            why = (error.message,)
            return Compared(task_id=question.task_id, key=question.key, because=why, state=None)
        because: tuple[str, ...] = ()
        outputs: Mapping[str, FileState] = {}
        if question.is_forced:
            because = (FORCED,)
        elif record is None:
            because = (_without_record(stored),)
        else:
            try:
                wanted = find_files(files.folder, files.makes, within=files.root)
                outputs = self._states(files.folder, wanted, record.outputs)
                because = tuple(changes(record, state, outputs))
            except FileProblemError as error:
                because = (f"outputs: {error}",)
        refreshed = None
        if record is not None and not because:
            fresh = StepRecord(
                execution_id=record.execution_id,
                attempt=record.attempt,
                state=state,
                outputs=outputs,
                result=record.result,
            )
            if fresh.state.inputs != record.state.inputs or outputs != record.outputs:
                refreshed = fresh.encode()
        return Compared(
            task_id=question.task_id,
            key=question.key,
            because=because,
            state=state,
            record=record,
            holder="" if stored is None else stored.holder,
            refreshed=refreshed,
        )

    def _states(
        self, folder: Path, paths: Sequence[str], known: Mapping[str, FileState]
    ) -> dict[str, FileState]:
        found = {}
        base = str(folder)
        for path in paths:
            try:
                found[path] = self._files.state(f"{base}/{path}", known.get(path))
            except FileProblemError as error:
                raise FileProblemError(f"{escape_non_utf8(path)}: {error}") from error
        return found

    def _values(self, question: Question) -> dict[str, str]:
        """Return the digests of the values; secrets are read for it. Raises their errors."""
        secret = self._records.secret
        found = {name: _keyed_text(secret, text) for name, text in question.texts.items()}
        for name in question.secrets:
            if self._secrets is not None:
                found[f"secrets.{name}"] = _keyed(secret, self._secrets.read(name))
        return found


def _without_record(stored: StoredStepRecord | None) -> str:
    """Return in words why there is no record to compare with."""
    if stored is None:
        return NO_RECORD
    if stored.data is None:
        return NOT_SUCCEEDED
    problem = decode_problem(stored.data)
    return UNREADABLE if problem is None else f"its last success was not recorded: {problem}"


def _keyed_text(secret: bytes, text: str) -> str:
    return _keyed(secret, text.encode("utf-8", "surrogatepass"))


def _keyed(secret: bytes, data: bytes) -> str:
    """Return a digest of 128 bits (BLAKE2b, RFC 7693) that only the holder of the key can make."""
    return hashlib.blake2b(data, key=secret, digest_size=16).hexdigest()
