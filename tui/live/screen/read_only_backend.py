"""A backend that reads only: whatever would start, change or write something is refused.

Keys are refused before their dialogs open (`tui.keys.acting_keys`); this is what holds if one is
forgotten.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from core.audit.verify.log_checked import LogChecked
from core.domain.mission import EMPTY, Mission, MissionSource
from core.errors import ConflictError
from core.operations.admission.planned_verdicts import PlannedVerdict
from core.ports.control import RequestKind, RunnerIdentity
from core.ports.executor import JobUsage
from core.ports.reader import Reader
from tui.live.backend import (
    DEFAULT_OPTIONS,
    AppContext,
    Backend,
    LaunchOptions,
    MissionFile,
    Preview,
    Progress,
    Receipt,
)
from tui.live.home.screen_memory import ScreenMemory

if TYPE_CHECKING:
    from core.operations.amending.amendment import Wish
    from core.operations.relaunch import RetryLinked

READ_ONLY = "this screen is read-only: it was opened with --read-only"


class ReadOnlyBackend:
    """Implements `tui.live.backend.Backend` over another one."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self.memory: ScreenMemory = ReadOnlyMemory(backend.memory)

    @property
    def app_context(self) -> AppContext:
        """The database, the actor and the user's configuration."""
        return self._backend.app_context

    # --- reading ---------------------------------------------------------------------------------

    def open_reader(self) -> Reader:
        """Open a read-only connection."""
        return self._backend.open_reader()

    def discover_missions(self) -> Sequence[MissionFile]:
        """Find and validate the mission files in the folders."""
        return self._backend.discover_missions()

    def templates(self) -> Mapping[str, str]:
        """Return the names of the templates and what each shows."""
        return self._backend.templates()

    def preview(self, path: str) -> Preview:
        """Read and validate one mission file."""
        return self._backend.preview(path)

    def verdicts(self, path: str, params: Mapping[str, Any]) -> Sequence[PlannedVerdict]:
        """Return what safety and policies say of a launch with these inputs."""
        return self._backend.verdicts(path, params)

    def read_mission(self, source: MissionSource) -> Mission:
        """Return the recorded mission of an execution."""
        return self._backend.read_mission(source)

    def job_usage(self, runner: RunnerIdentity, key: str) -> JobUsage | None:
        """Return what the job `key` uses now; None where that cannot be told."""
        return self._backend.job_usage(runner, key)

    def log_status(self) -> LogChecked:
        """Return how far the audit log was verified before."""
        return self._backend.log_status()

    def verify_log(
        self, *, full: bool, progress: Progress | None = None, most_events: int | None = None
    ) -> LogChecked:
        """Verify all of the audit log, or the chain behind what was verified before."""
        return self._backend.verify_log(full=full, progress=progress, most_events=most_events)

    # --- acting ----------------------------------------------------------------------------------

    def notice_lost(self) -> None:
        """Leave the loss of a runner to be recorded by somebody else."""

    def new_mission(self, template: str, name: str) -> str:  # noqa: ARG002 - refused
        """Refuse."""
        _refuse()

    def launch(
        self,
        path: str,  # noqa: ARG002 - refused
        params: Mapping[str, Any],  # noqa: ARG002 - refused
        options: LaunchOptions = DEFAULT_OPTIONS,  # noqa: ARG002 - refused
    ) -> str:
        """Refuse."""
        _refuse()

    def request(
        self,
        execution_id: str,  # noqa: ARG002 - refused
        kind: RequestKind,  # noqa: ARG002 - refused
        *,
        task_id: str | None = None,  # noqa: ARG002 - refused
        arguments: Mapping[str, Any] = EMPTY,  # noqa: ARG002 - refused
    ) -> Receipt:
        """Refuse."""
        _refuse()

    def resume(self, execution_id: str) -> None:  # noqa: ARG002 - refused
        """Refuse."""
        _refuse()

    def retry(
        self,
        execution_id: str,  # noqa: ARG002 - refused
        task_id: str,  # noqa: ARG002 - refused
        *,
        downstream: bool,  # noqa: ARG002 - refused
        reason: str,  # noqa: ARG002 - refused
    ) -> Receipt | str:
        """Refuse."""
        _refuse()

    def retry_failed(self, execution_id: str, *, reason: str) -> str:  # noqa: ARG002 - refused
        """Refuse."""
        _refuse()

    def plan_retry(
        self,
        execution_id: str,  # noqa: ARG002 - refused
        *,
        steps: Sequence[str] = (),  # noqa: ARG002 - refused
        downstream: bool = False,  # noqa: ARG002 - refused
        wish: "Wish | None" = None,  # noqa: ARG002 - refused
        set_success: Sequence[str] = (),  # noqa: ARG002 - refused
    ) -> "RetryLinked":
        """Refuse."""
        _refuse()

    def retry_verdicts(
        self,
        planned: "RetryLinked",  # noqa: ARG002 - refused
    ) -> Sequence[PlannedVerdict]:
        """Refuse."""
        _refuse()

    def start_retry(self, planned: "RetryLinked", reason: str) -> str:  # noqa: ARG002 - refused
        """Refuse."""
        _refuse()

    def rerun(self, execution_id: str) -> str:  # noqa: ARG002 - refused
        """Refuse."""
        _refuse()

    def export_evidence(self, execution_id: str, progress: Progress | None = None) -> Path:  # noqa: ARG002 - refused
        """Refuse."""
        _refuse()


class ReadOnlyMemory:
    """What the screen remembers: what is looked at here was looked at by nobody in particular."""

    def __init__(self, memory: ScreenMemory) -> None:
        self._memory = memory

    def looked_at(self) -> frozenset[str]:
        """Return the ids of the failures that were looked at."""
        return self._memory.looked_at()

    def look_at(self, execution_ids: Iterable[str], now: int) -> None:
        """Forget it."""

    def sizes(self) -> Mapping[str, int]:
        """Return the sizes of panes that the user has chosen, in cells, by name."""
        return self._memory.sizes()

    def keep_size(self, pane: str, cells: int) -> None:
        """Forget it."""


def _refuse() -> NoReturn:
    raise ConflictError(READ_ONLY, hint="open another one with `mission`")
