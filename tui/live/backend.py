"""The port to everything outside the screen, implemented by the composition root.

Blocking methods are called in worker threads, never on the event loop; they report failures as
`MissionDeckError`, which the screen shows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from core.domain.mission import EMPTY, Mission, MissionSource, Param
from core.ports.control import RequestKind
from core.ports.reader import Reader


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A diagnostic of a mission file. `severity` is `error` or `warning`; lines count from 1."""

    severity: str
    code: str
    message: str
    line: int | None = None
    column: int | None = None
    hint: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MissionFile:
    """A mission file that was found. An invalid one has as many steps as could be read."""

    path: str
    name: str
    steps: int
    valid: bool
    description: str | None = None
    params: tuple[Param, ...] = ()
    findings: tuple[Finding, ...] = ()
    group: str = ""
    """The heading it is listed under: where it was found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """A mission read for launching: itself when it is valid, and everything found about it."""

    mission: Mission | None
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchOptions:
    """How to launch. `parallel_limit` None keeps the mission's own."""

    parallel_limit: int | None = None
    rerun_of: str | None = None


PLAIN = LaunchOptions()


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """A request that is durable. Its outcome is asked of the reader by its number."""

    request_id: int
    is_owned: bool = True
    """Whether a runner drives the execution; else the request waits for the next one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Where the screen is: for titles, for files it writes, and how the user wants it.

    `keymap` maps binding ids to keys as Textual spells them (see `tui.keys.keys_toml`).
    """

    database: str
    actor: str
    version: str
    mission_folders: tuple[str, ...] = ()
    export_folder: Path = field(default_factory=Path.cwd)
    keymap: Mapping[str, str] = EMPTY
    theme: str | None = None
    notes: tuple[str, ...] = ()
    """What went wrong while the configuration was read, to be shown once."""


class Backend(Protocol):
    """Everything the screen may read or ask for."""

    @property
    def surroundings(self) -> Surroundings:
        """The database, the actor and the user's configuration. Cheap."""

    def open_reader(self) -> Reader:
        """Open a read-only connection; it is used and closed in the calling thread only.

        Raises `NotFoundError` while there is no database, `UnavailableError` for one that cannot
        be read.
        """

    def notice_lost(self) -> None:
        """Record the loss of runners that are gone, so that what is shown next is true. Slow."""

    def discover_missions(self) -> Sequence[MissionFile]:
        """Find and validate the mission files of the folders. Slow."""

    def preview(self, path: str) -> Preview:
        """Read and validate one mission file. Slow."""

    def read_mission(self, source: MissionSource) -> Mission:
        """Return the mission an execution was made from. Slow; `MissionInvalidError`."""

    def launch(self, path: str, params: Mapping[str, Any], options: LaunchOptions = PLAIN) -> str:
        """Start a detached runner and return the id of its execution once that is durable."""

    def request(
        self,
        execution_id: str,
        kind: RequestKind,
        *,
        task_id: str | None = None,
        arguments: Mapping[str, Any] = EMPTY,
    ) -> Receipt:
        """Leave a request for the runner of an execution; durable on return.

        A step's retry is RETRY with the step and `{"downstream": bool}`; an approval APPROVE or
        REJECT with the step and `{"comment": str}`.
        """

    def resume(self, execution_id: str) -> None:
        """Start a new detached runner for an execution whose runner is gone."""

    def retry(
        self, execution_id: str, task_ids: Sequence[str], *, downstream: bool, reason: str
    ) -> str:
        """Start a linked execution of an ended one that runs these steps again; return its id."""

    def rerun(self, execution_id: str) -> str:
        """Start a linked execution afresh, with the same mission and parameters; return its id."""
