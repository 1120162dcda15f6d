"""Keeps files that attempts leave, by their content. Knows not where."""

from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Event
from typing import Protocol

from msgspec import Struct

Artifacts = Mapping[str, Mapping[str, int | str]]
"""Kept files: `{bytes, sha256}` by their path in the step's working folder, with slashes."""


class ArtifactRefusedError(Exception):
    """Raised when files of an attempt cannot be kept; then none of them is recorded."""

    def __init__(self, message: str, kind: str, *, is_limit: bool = False) -> None:
        super().__init__(message)
        self.kind = kind
        self.is_limit = is_limit


class SecretScan(Protocol):
    """Looks for secrets in the bytes of one file."""

    @property
    def redactions(self) -> Mapping[str, int]:
        """How many were found so far, by their names."""

    def feed(self, data: bytes) -> bytes:
        """Take the next bytes."""

    def flush(self) -> bytes:
        """Take note that there are no more."""


class ArtifactRequest(Struct, frozen=True, kw_only=True):
    """Which files of an attempt are to be kept."""

    folder: Path
    """The step's working folder."""
    patterns: tuple[str, ...]
    protected: tuple[Path, ...]
    """Files and folders that are never kept: the home folder, the database, the keys."""
    new_scan: Callable[[], SecretScan] | None
    """Makes what looks for secrets in one file; None where there are none."""
    stop: Event
    """Set when the attempt is cancelled."""


class KeptArtifacts(Struct, frozen=True):
    """What was kept, and the patterns that no file matches."""

    files: Artifacts
    unmatched: tuple[str, ...]


class ArtifactKeeper(Protocol):
    """Keeps the artifacts of the attempts of one execution. May be asked from any thread."""

    def keep(self, request: ArtifactRequest) -> KeptArtifacts:
        """Keep the content of the files that match; durable when this returns.

        Raises `ArtifactRefusedError`.
        """
