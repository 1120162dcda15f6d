"""What the last success of a step left: the form of the records in a store, and access to them."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from msgspec import Struct


class StepRecordKey(Struct, frozen=True):
    """The step of a mission in a folder; `step` also tells the items of a fan-out apart."""

    mission: str
    folder: str
    step: str


class StoredStepRecord(Struct, frozen=True):
    """`holder` names the attempt that started last; `data` is None until it has succeeded."""

    holder: str
    data: bytes | None


class StepRecordChange(Struct, frozen=True, kw_only=True):
    """Without `data`: an attempt starts, and what was recorded before counts no more.

    With `data`: the attempt `holder` succeeded. That is kept only if no other has started since.
    """

    key: StepRecordKey
    holder: str
    data: bytes | None


class StepRecords(Protocol):
    """Committed records. May be called from any thread."""

    @property
    def secret(self) -> bytes:
        """The key of the digests in the records: whoever has only the records cannot test guesses.

        Raises `UnavailableError` when it cannot be read.
        """

    def read(self, keys: Sequence[StepRecordKey]) -> Mapping[StepRecordKey, StoredStepRecord]:
        """Return those of the records that exist. Raises `UnavailableError`."""

    def close(self) -> None:
        """Release the connection. Idempotent."""
