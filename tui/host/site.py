"""This user's database, and runners as processes of this machine."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct, field
from msgspec.structs import replace

from core.domain.mission import ExecutorKind, MissionConfig
from core.machine.system_clock import SystemClock
from core.operations.site import OpenStore
from core.planning.recovery import AssumeLost
from core.ports.executor import Executor
from core.ports.reader import Reader
from core.ports.secrets import SecretStore
from core.ports.step_record import StepRecords
from tui.host.places import CONFIG, SYSTEM_FOLDER, Paths

if TYPE_CHECKING:  # commands that start nothing need no rules: 7 ms of each
    from core.security.attempt_gate import AttemptGate
    from core.security.policy.policies import Policies
    from core.security.safety.safety_gate import SafetyGate
    from core.step_type.permitted import Permitted
    from tui.host.settings import Settings


EXECUTOR_VARIABLE = "MISSION_EXECUTOR"
"""Where the processes of this command's runners run: the variable that `--executor` sets."""


class LocalSite(Struct, frozen=True, kw_only=True):
    """Implements `core.operations.site.Site`. Code for writing is imported on first use."""

    paths: Paths
    environ: Mapping[str, str]
    """The environment of started runners; `MISSION_ACTOR` names the actor."""
    may_ask: bool = True
    """Whether a passphrase may be asked for on the terminal: not under a screen."""
    clock: SystemClock = field(default_factory=SystemClock)
    system_folder: Path = SYSTEM_FOLDER
    """The administrator's settings; another folder only in tests."""
    _stores: list[SecretStore] = field(default_factory=list)

    @property
    def actor(self) -> str:
        """The acting user as recorded in the audit log: `user@host`."""
        from tui.host.actor import actor_name

        return actor_name(self.environ)

    @property
    def _settings(self) -> "Settings":
        from tui.host.settings import load_settings

        return load_settings(
            environ=self.environ,
            cwd=self.paths.home,
            user_file=self.paths.config,
            flags={},
            system_file=self.system_folder / CONFIG,
        )

    def open_store(self) -> AbstractAsyncContextManager[OpenStore]:
        """Open the database for writing; create it and its key on first use."""
        from tui.host.session import open_session

        witness = self._settings.witness_file
        return open_session(self.paths, self.clock, None if witness is None else Path(witness))

    def open_reader(self) -> Reader:
        """Open a read-only connection to the database."""
        from storage.read.reader import open_reader

        return open_reader(self.paths.db)

    def open_step_records(self) -> StepRecords:
        """Return what the last successes of steps left, in the database."""
        from storage.read.step_record_reader import StepRecordReader

        return StepRecordReader(self.paths.db, self.paths.keys)

    def new_executor(self, config: MissionConfig) -> Executor:
        """Return an executor that runs processes here or on a cluster: here it is chosen."""
        from tui.host.executor_choice import chosen_executor

        return chosen_executor(self._settings.executor, config)

    def executor_name(self, config: MissionConfig) -> str:
        """Return where processes run, as `--executor` names it."""
        from tui.host.executor_choice import CLUSTER_PREFIX, chosen_cluster

        cluster = chosen_cluster(self._settings.executor, config)
        return ExecutorKind.LOCAL.value if cluster is None else f"{CLUSTER_PREFIX}{cluster}"

    def with_executor(self, name: str | None) -> "LocalSite":
        """Return this site with its processes run where an earlier execution's were."""
        if name is None or self.environ.get(EXECUTOR_VARIABLE):
            return self
        return replace(self, environ={**self.environ, EXECUTOR_VARIABLE: name})

    def open_secrets(self) -> SecretStore:
        """Return the user's secret store, one for all that is done with this site.

        A passphrase is asked for once.
        """
        from tui.host.security.secret_store import open_secrets

        if not self._stores:
            self._stores.append(open_secrets(self.paths, self.environ, may_ask=self.may_ask))
        return self._stores[0]

    def policies(self, folder: Path) -> "Policies":
        """Read the policies of machine, user and project for missions in `folder`."""
        from tui.host.security.policy_source import policies_for

        return policies_for(self.paths, folder, self.system_folder)

    def new_gate(self, policies: "Policies") -> "AttemptGate":
        """Return what decides about attempts: safety as the settings have it, then policies."""
        from tui.host.gate import new_gate

        return new_gate(self.paths, policies, self.environ, self.system_folder)

    def permitted(self) -> "Permitted":
        """Return what the settings let steps reach that safety otherwise refuses."""
        from tui.host.gate import permitted_by

        return permitted_by(self.paths, self.system_folder)

    def safety_gate(self) -> "SafetyGate":
        """Return the gate of safety as the settings have it."""
        from tui.host.gate import safety_gate

        return safety_gate(self.paths, self.environ, self.system_folder)

    async def start_runner(
        self, execution_id: str, *, assume_lost: AssumeLost | None = None, is_launch: bool = False
    ) -> None:
        """Start a detached runner process and return once it has the execution's lease."""
        from tui.host.spawn import spawn_runner

        await spawn_runner(
            self.paths, execution_id, self.environ, assume_lost=assume_lost, is_launch=is_launch
        )
