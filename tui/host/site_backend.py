"""What the screen reads and asks for, over the operations of this machine's site."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from core.domain.mission import EMPTY, Mission, MissionSource
from core.errors import ConflictError, MissionDeckError, NotFoundError
from core.executors.job_usage import JobUsageReader
from core.launch.order import Order
from core.mission_file.load import load_mission
from core.operations.admission.planned_verdicts import (
    PlannedVerdict,
    known_values,
    planned_verdicts,
)
from core.operations.launch import launch_detached
from core.operations.mission_order import make_order, require_valid
from core.operations.mission_secret_check import SecretState, secret_states
from core.operations.recorded_mission import mission_from
from core.operations.relaunch import RetryLinked, plan_retry, rerun_order, retry_order
from core.operations.request import leave_request
from core.operations.resume import resume
from core.operations.secret_input import split_inputs
from core.ports.control import RequestKind, RunnerIdentity
from core.ports.executor import JobUsage
from core.ports.reader import Reader
from tui.host.current_database import open_current, record_lost_runners
from tui.host.discovery import Discovery, chosen_places, findings_of, samples_folder
from tui.host.memory_file import MemoryFile
from tui.host.settings import Settings
from tui.host.site import LocalSite
from tui.host.version import VERSION
from tui.keys.keys_toml import read_keymap
from tui.live.backend import (
    DEFAULT_OPTIONS,
    AppContext,
    LaunchOptions,
    MissionFile,
    Preview,
    Progress,
    Receipt,
)

if TYPE_CHECKING:
    from core.audit.verify.log_checked import LogChecked
    from core.operations.amending.amendment import Wish
    from tui.host.evidence.log_check import LogCheck

RUN_BEFORE = 30
"""Files of earlier runs that are listed, wherever they are."""


class SiteBackend:
    """Implements `tui.live.backend.Backend`. Methods may be called from several threads."""

    def __init__(self, site: LocalSite, settings: Settings, cwd: Path) -> None:
        self._site = replace(site, may_ask=False)
        self._job_usage = JobUsageReader()
        self._memory = MemoryFile(site.paths.screen_memory)
        folders = settings.mission_folders
        self._discovery = Discovery(
            chosen_places(cwd, folders), samples=None if folders else samples_folder()
        )
        keymap, problems = _read_keys(site.paths.config.with_name("keys.toml"))
        self._app_context = AppContext(
            database=str(site.paths.db),
            actor=site.actor,
            version=VERSION,
            mission_folders=tuple(str(place.folder) for place in self._discovery.places),
            export_folder=cwd,
            keymap={**keymap, **settings.keymap},
            theme=settings.theme,
            notify=settings.notify,
            notes=(*settings.notes, *problems),
        )

    @property
    def app_context(self) -> AppContext:
        """The database, the actor and the user's configuration."""
        return self._app_context

    @property
    def memory(self) -> MemoryFile:
        """What the screen remembers from one session to the next."""
        return self._memory

    def open_reader(self) -> Reader:
        """Open a read-only connection; `NotFoundError` while there is no database."""
        return open_current(self._site.paths)[0]

    def notice_lost(self) -> None:
        """Record the loss of runners that are gone; what cannot be written can still be read."""
        with suppress(MissionDeckError):
            record_lost_runners(self._site)

    def discover_missions(self) -> Sequence[MissionFile]:
        """Find and validate the mission files of the folders, and those run before."""
        try:
            with self._records() as reader:
                run_before = reader.source_paths(limit=RUN_BEFORE)
        except MissionDeckError:  # nothing has run, or the feed says what is wrong
            run_before = []
        return self._discovery.find(run_before)

    def templates(self) -> Mapping[str, str]:
        """Return what a new mission may be made from: the templates' names and what each shows."""
        from tui.host.mission_templates import template_names, template_summary

        return {name: template_summary(name) for name in template_names()}

    def new_mission(self, template: str, name: str) -> str:
        """Write a mission file from a template to the first folder; return its path."""
        from tui.host.mission_templates.new_mission import new_file, write_mission

        file = new_file(self._discovery.places[0].folder, name)
        return str(write_mission(file, template)[0])

    def preview(self, path: str) -> Preview:
        """Read and validate one mission file."""
        loaded = load_mission(Path(path))
        secrets: tuple[SecretState, ...] = ()
        if loaded.mission is not None and loaded.mission.secrets:
            secrets = secret_states(
                loaded.mission,
                self._site,
                environ=self._site.environ,
                folder=Path(path).absolute().parent,
            )
        return Preview(mission=loaded.mission, findings=findings_of(loaded), secrets=secrets)

    def verdicts(self, path: str, params: Mapping[str, Any]) -> Sequence[PlannedVerdict]:
        """Return what safety and policies say of a launch with these inputs."""
        loaded = load_mission(Path(path))
        order = make_order(loaded, reference=path, actor=self._site.actor, params=params)
        return planned_verdicts(self._site, order, known_values(order.mission, params))

    def read_mission(self, source: MissionSource) -> Mission:
        """Return the mission an execution was made from; `MissionInvalidError`."""
        return mission_from(source)

    def launch(
        self, path: str, params: Mapping[str, Any], options: LaunchOptions = DEFAULT_OPTIONS
    ) -> str:
        """Start a detached runner and return the id of its execution once that is durable."""
        loaded = load_mission(Path(path))
        mission, _ = require_valid(loaded)
        recorded, variables = split_inputs(mission, params)
        order = make_order(
            loaded,
            reference=path,
            actor=self._site.actor,
            params=recorded,
            rerun_of=options.rerun_of,
            parallel_limit=options.parallel_limit,
        )
        return self._start(order, variables)

    def request(
        self,
        execution_id: str,
        kind: RequestKind,
        *,
        task_id: str | None = None,
        arguments: Mapping[str, Any] = EMPTY,
    ) -> Receipt:
        """Leave a request for the runner of an execution; durable on return."""
        with self._records() as reader:
            execution = reader.find_execution(execution_id)
            asked = asyncio.run(
                leave_request(
                    self._site, reader, execution, kind, task_id=task_id, arguments=arguments
                )
            )
        return Receipt(request_id=asked.request_id, is_owned=asked.owned)

    def job_usage(self, runner: RunnerIdentity, key: str) -> JobUsage | None:
        """Return what the job `key` uses now; None elsewhere than on its runner's machine."""
        return self._job_usage.read(runner, key)

    def resume(self, execution_id: str) -> None:
        """Start a new detached runner for an execution whose runner is gone."""
        with self._records() as reader:
            execution = reader.find_execution(execution_id)
            asyncio.run(resume(self._site, reader, execution))

    def retry(
        self, execution_id: str, task_id: str, *, downstream: bool, reason: str
    ) -> Receipt | str:
        """Retry a step: by a request to a live execution, else in a linked execution."""
        with self._records() as reader:
            execution = reader.find_execution(execution_id)
            planned = plan_retry(
                reader,
                execution,
                steps=(task_id,),
                downstream=downstream,
                reason=reason,
                actor=self._site.actor,
            )
        if isinstance(planned, RetryLinked):
            return self._start(planned.order)
        arguments = {"downstream": downstream, "reason": reason}
        return self.request(execution_id, RequestKind.RETRY, task_id=task_id, arguments=arguments)

    def retry_failed(self, execution_id: str, *, reason: str) -> str:
        """Start a linked execution of all that failed in one that has ended; return its id."""
        with self._records() as reader:
            order, _ = retry_order(reader, execution_id, reason=reason, actor=self._site.actor)
        return self._start(order)

    def plan_retry(
        self,
        execution_id: str,
        *,
        steps: Sequence[str] = (),
        downstream: bool = False,
        wish: "Wish | None" = None,
        set_success: Sequence[str] = (),
    ) -> RetryLinked:
        """Return what a retry of an ended execution would do."""
        with self._records() as reader:
            execution = reader.find_execution(execution_id)
            planned = plan_retry(
                reader,
                execution,
                steps=steps,
                downstream=downstream,
                actor=self._site.actor,
                wish=wish,
                set_success=set_success,
            )
        if not isinstance(planned, RetryLinked):
            raise ConflictError("the run is live: its steps are retried within it")
        return planned

    def retry_verdicts(self, planned: RetryLinked) -> Sequence[PlannedVerdict]:
        """Return what safety and policies say of the steps that a planned retry would run."""
        order = planned.order
        return planned_verdicts(self._site, order, known_values(order.mission, order.params))

    def start_retry(self, planned: RetryLinked, reason: str) -> str:
        """Start a planned retry; return the id of its execution once that is durable."""
        amendment = planned.amendment
        variables = EMPTY if amendment is None else amendment.variables
        return self._start(replace(planned.order, reason=reason), variables)

    def rerun(self, execution_id: str) -> str:
        """Start a linked execution afresh, with the same mission and parameters; return its id."""
        with self._records() as reader:
            order = rerun_order(reader, execution_id, reason="", actor=self._site.actor)
        return self._start(order)

    def log_status(self) -> "LogChecked":
        """Return how far the audit log was verified before."""
        return self._log_check().status()

    def verify_log(
        self, *, full: bool, progress: Progress | None = None, most_events: int | None = None
    ) -> "LogChecked":
        """Verify all of the audit log, or the chain behind what was verified before."""
        check = self._log_check()
        if full:
            return check.full(progress=progress)
        return check.since(progress, most_events=most_events)

    def export_evidence(self, execution_id: str, progress: Progress | None = None) -> Path:
        """Write the evidence of an execution to the export folder; return the file."""
        from tui.host.evidence.bundle_export import export_bundle, usual_file

        with self._records() as reader:
            execution = reader.find_execution(execution_id)
            target = self._app_context.export_folder / usual_file(execution)
            export_bundle(self._site, reader, execution, target, overwrite=False, progress=progress)
        return target

    def _log_check(self) -> "LogCheck":
        from core.machine.system_clock import SystemClock
        from tui.host.evidence.log_check import LogCheck

        if not self._site.paths.has_database:
            raise NotFoundError("there is no database yet")
        return LogCheck(self._site.paths, SystemClock())

    @contextmanager
    def _records(self) -> Iterator[Reader]:
        """Open the database with the loss of runners recorded in it."""
        with closing(self.open_reader()) as reader:
            self.notice_lost()
            yield reader

    def _start(self, order: Order, secrets: Mapping[str, str] = EMPTY) -> str:
        """Start a detached runner that has these variables, too; return the execution's id."""
        site = self._site
        if secrets:
            site = replace(site, environ={**site.environ, **secrets})
        return asyncio.run(launch_detached(site, order)).execution_id


def _read_keys(path: Path) -> tuple[Mapping[str, str], Sequence[str]]:
    """Read the user's `keys.toml`; return the keymap and what is wrong."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}, ()
    except (OSError, UnicodeDecodeError) as error:
        return {}, (f"{path} cannot be read: {error}",)
    return read_keymap(text)
