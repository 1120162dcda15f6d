"""The interface of an installation as operations use it: its records, its runners, its user."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from core.domain.mission import MissionConfig
from core.planning.recovery import AssumeLost
from core.ports.clock import Clock
from core.ports.control import Control
from core.ports.executor import Executor
from core.ports.journal import Journal
from core.ports.reader import Reader
from core.ports.secrets import SecretStore
from core.ports.step_record import StepRecords

if TYPE_CHECKING:  # commands that start nothing need no rules: 7 ms of each
    from core.security.attempt_gate import AttemptGate
    from core.security.policy.policies import Policies
    from core.security.safety.safety_gate import SafetyGate
    from core.step_type.permitted import Permitted


class OpenStore(Protocol):
    """A database that is open for writing."""

    @property
    def journal(self) -> Journal:
        """Where batches of events are committed."""

    @property
    def control(self) -> Control:
        """Where leases are taken and requests are left."""


class Site(Protocol):
    """One installation as one user sees it: a database and the means to start runners."""

    @property
    def actor(self) -> str:
        """Who is acting, as the audit records it: `user@host`."""

    @property
    def clock(self) -> Clock:
        """The wall clock."""

    @property
    def environ(self) -> Mapping[str, str]:
        """The environment that runners are started with."""

    def open_store(self) -> AbstractAsyncContextManager[OpenStore]:
        """Open the database for writing; create it on first use.

        Raises `UnavailableError` when it cannot be used.
        """

    def open_reader(self) -> Reader:
        """Open a read-only connection; whoever opens it closes it.

        Raises `UnavailableError` when there is no database, or one that cannot be read.
        """

    def open_step_records(self) -> StepRecords:
        """Return what the last successes of steps left; nothing is read yet."""

    def new_executor(self, config: MissionConfig) -> Executor:
        """Return an executor for the processes of one runner; whoever asks for it closes it.

        It runs them where the mission's `config`, the command line or the settings say. Raises
        `UsageError` or `UnavailableError` where that is not possible; nothing is connected yet.
        """

    def executor_name(self, config: MissionConfig) -> str:
        """Return where processes run, as `--executor` names it; raises as `new_executor`."""

    def with_executor(self, name: str | None) -> "Site":
        """Return this site with its processes run where an earlier execution's were.

        It is the same site for None, and where the operator named a place for this command.
        """

    def open_secrets(self) -> SecretStore:
        """Return the user's secret store; nothing is read yet, and there need not be one."""

    def policies(self, folder: Path) -> "Policies":
        """Read the policies for missions in `folder`, empty where there are none.

        Raises `PolicyFileError` for files that cannot be used: then nothing may start.
        """

    def new_gate(self, policies: "Policies") -> "AttemptGate":
        """Return what decides about attempts: safety, then the policies.

        Raises `UsageError` or `UntrustedFileError` for rules that cannot be read: then nothing may
        start.
        """

    def permitted(self) -> "Permitted":
        """Return what the settings let steps reach beyond safety. Raises as `new_gate` does."""

    def safety_gate(self) -> "SafetyGate":
        """Return the gate of safety alone. Raises as `new_gate` does."""

    async def start_runner(
        self, execution_id: str, *, assume_lost: AssumeLost | None = None, is_launch: bool = False
    ) -> None:
        """Start a detached runner for an execution and return once it drives the execution.

        `assume_lost` says what to do with the attempts that a runner lost; with
        `is_launch` the runner takes over the lease that this process holds.

        Raises `LeaseHeldError` or `ConflictError` as the runner meets them, `UnavailableError` when
        it ends without reporting anything.
        """
