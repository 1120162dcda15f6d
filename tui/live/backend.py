"""The screen's port to the rest of the program, implemented by the composition root.

Blocking methods are called in worker threads, never on the event loop; they report failures as
`MissionDeckError`, which the screen shows.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct, field

from core.audit.verify.log_checked import LogChecked
from core.domain.mission import EMPTY, Mission, MissionSource, Param
from core.operations.admission.planned_verdicts import PlannedVerdict
from core.operations.mission_secret_check import SecretState
from core.ports.control import RequestKind, RunnerIdentity
from core.ports.executor import JobUsage
from core.ports.reader import Reader
from tui.live.home.screen_memory import ScreenMemory

if TYPE_CHECKING:  # few sessions retry anything
    from core.operations.amending.amendment import Wish
    from core.operations.relaunch import RetryLinked

Progress = Callable[[int, int], None]
"""Takes the number of events that were read, and of all there are to read."""


class Finding(Struct, frozen=True, kw_only=True):
    """A diagnostic of a mission file. `severity` is `error` or `warning`; lines count from 1."""

    severity: str
    code: str
    message: str
    line: int | None = None
    column: int | None = None
    hint: str | None = None


class MissionFile(Struct, frozen=True, kw_only=True):
    """A mission file that was found; of an invalid one `steps` counts those that could be read."""

    path: str
    name: str
    steps: int
    valid: bool
    description: str | None = None
    params: tuple[Param, ...] = ()
    findings: tuple[Finding, ...] = ()
    group: str = ""
    """The heading it is listed under, which says where it was found."""


class Preview(Struct, frozen=True, kw_only=True):
    """A mission read for launching; `mission` is None if it is invalid."""

    mission: Mission | None
    findings: tuple[Finding, ...] = ()
    secrets: tuple[SecretState, ...] = ()
    """The secrets that its steps read."""


class LaunchOptions(Struct, frozen=True, kw_only=True):
    """Options of a launch. Without a `parallel_limit` the mission's own applies."""

    parallel_limit: int | None = None
    rerun_of: str | None = None


DEFAULT_OPTIONS = LaunchOptions()


class Receipt(Struct, frozen=True, kw_only=True):
    """A durable request. `Reader.request_outcome` returns its outcome by its id."""

    request_id: int
    is_owned: bool = True
    """Whether a runner drives the execution; if not, the request waits for the next one."""


class AppContext(Struct, frozen=True, kw_only=True):
    """The database, actor and version that the screen shows, and the user's configuration.

    `keymap` maps binding ids to keys as Textual spells them (see `tui.keys.keys_toml`).
    """

    database: str
    actor: str
    version: str
    mission_folders: tuple[str, ...] = ()
    export_folder: Path = field(default_factory=Path.cwd)
    keymap: Mapping[str, str] = EMPTY
    theme: str | None = None
    notify: bool = False
    """Whether the terminal is to ring and tell what happens to what is watched."""
    notes: tuple[str, ...] = ()
    """Problems found while reading the configuration, to be shown once."""


class Backend(Protocol):
    """Everything the screen may read or request."""

    @property
    def app_context(self) -> AppContext:
        """The database, the actor and the user's configuration. Does not block."""

    @property
    def memory(self) -> ScreenMemory:
        """What the screen remembers from one session to the next."""

    def open_reader(self) -> Reader:
        """Open a read-only connection, to be used and closed in the calling thread only.

        Raises `NotFoundError` while there is no database, `UnavailableError` if it cannot be read.
        """

    def notice_lost(self) -> None:
        """Record the loss of runners that have died, so that shown states are true. Blocking."""

    def discover_missions(self) -> Sequence[MissionFile]:
        """Find and validate the mission files in the folders. Blocking."""

    def templates(self) -> Mapping[str, str]:
        """Return what a new mission may be made from: the templates' names and what each shows."""

    def new_mission(self, template: str, name: str) -> str:
        """Write a mission file from a template to the first folder; return its path. Blocking.

        Raises `UsageError` for a name that is no plain file name, `ConflictError` for one that
        exists.
        """

    def preview(self, path: str) -> Preview:
        """Read and validate one mission file. Blocking."""

    def verdicts(self, path: str, params: Mapping[str, Any]) -> Sequence[PlannedVerdict]:
        """Return what safety and policies say of a launch with these inputs. Blocking.

        Raises `PolicyFileError` and other `MissionDeckError`s for rules that cannot be used.
        """

    def read_mission(self, source: MissionSource) -> Mission:
        """Return the recorded mission of an execution. Blocking. Raises `MissionInvalidError`."""

    def launch(
        self, path: str, params: Mapping[str, Any], options: LaunchOptions = DEFAULT_OPTIONS
    ) -> str:
        """Start a detached runner and return the id of its execution once that is durable."""

    def request(
        self,
        execution_id: str,
        kind: RequestKind,
        *,
        task_id: str | None = None,
        arguments: Mapping[str, Any] = EMPTY,
    ) -> Receipt:
        """Store a request for the runner of an execution; durable on return.

        `arguments` of APPROVE and REJECT are `{"comment": str}`.
        """

    def job_usage(self, runner: RunnerIdentity, key: str) -> JobUsage | None:
        """Return what the job `key` uses now; None where that cannot be told.

        It can be told on the machine of `runner` alone, while that lives. Takes milliseconds.
        """

    def resume(self, execution_id: str) -> None:
        """Start a new detached runner for an execution whose runner is gone."""

    def retry(
        self, execution_id: str, task_id: str, *, downstream: bool, reason: str
    ) -> Receipt | str:
        """Retry a step of an execution, alone or with everything downstream of it.

        A live execution gets a request, whose receipt is returned. After its end a linked execution
        is started, whose id is returned.
        """

    def retry_failed(self, execution_id: str, *, reason: str) -> str:
        """Start a linked execution of all that failed in one that has ended; return its id."""

    def plan_retry(
        self,
        execution_id: str,
        *,
        steps: Sequence[str] = (),
        downstream: bool = False,
        wish: "Wish | None" = None,
        set_success: Sequence[str] = (),
    ) -> "RetryLinked":
        """Return what a retry of an ended execution would do, as `start_retry` takes it. Blocking.

        `wish` is what is to be different; the steps of `set_success` are not run. Raises
        `ConflictError` for a live execution, or when nothing is left to run, and `UsageError` and
        `MissionInvalidError` for a wish that cannot be fulfilled.
        """

    def retry_verdicts(self, planned: "RetryLinked") -> Sequence[PlannedVerdict]:
        """Return what safety and policies say of what a planned retry would run. Blocking.

        Raises what the launch would raise for rules that cannot be used.
        """

    def start_retry(self, planned: "RetryLinked", reason: str) -> str:
        """Start a planned retry; return the id of its execution once that is durable. Blocking."""

    def log_status(self) -> LogChecked:
        """Return how far the audit log was verified before; reads no events. Blocking."""

    def verify_log(
        self, *, full: bool, progress: Progress | None = None, most_events: int | None = None
    ) -> LogChecked:
        """Verify all of the audit log, or the chain behind what was verified before. Blocking.

        Without `full` nothing is verified if there are more than `most_events` new ones. What
        `progress` raises ends the verification.
        """

    def export_evidence(self, execution_id: str, progress: Progress | None = None) -> Path:
        """Write the evidence of an execution to the export folder; return the file. Blocking."""

    def rerun(self, execution_id: str) -> str:
        """Start a linked execution afresh, with the same mission and parameters; return its id."""
