"""The engine as a step sees it: a step may ask a person, or have another mission run."""

from collections.abc import Callable, Mapping
from typing import Any

from core.domain.fold import Snapshot
from core.domain.reasons import Reason
from core.domain.states import TaskState
from core.engine.engine_recorder import EngineRecorder
from core.engine.requests import Question, RequestHandler
from core.engine.turn.happening import ServiceReady
from core.errors import BugError
from core.step_type.host import Approval, SubMissionEnd, SubMissions, TakeInputs


class HostFactory:
    """Makes the host of each step of one execution."""

    def __init__(
        self,
        recorder: EngineRecorder,
        request_handler: RequestHandler,
        missions: SubMissions | None,
        post: Callable[[Question | ServiceReady], None],
    ) -> None:
        self.recorder = recorder
        self.request_handler = request_handler
        self.missions = missions
        self.post = post

    @property
    def snapshot(self) -> Snapshot:
        """The execution as recorded so far."""
        return self.recorder.snapshot

    def of(self, task_id: str) -> "EngineHost":
        """Return the host of a step's attempts."""
        return EngineHost(self, task_id)

    def asked(self, question: Question) -> bool:
        """Let an approval step wait outside a slot; False when its question is open no more."""
        task = self.snapshot.tasks[question.task_id]
        if task.state is not TaskState.RUNNING or not self.request_handler.is_open(question):
            return False
        reason = Reason.AWAITING_APPROVAL
        self.recorder.change(task.task_id, TaskState.WAITING, reason, question.prompt)
        return True

    def served(self, ready: ServiceReady) -> bool:
        """Let a service go on outside a slot; False when its attempt is over."""
        task = self.snapshot.tasks[ready.task_id]
        if task.state is not TaskState.RUNNING or task.attempt != ready.attempt:
            return False
        self.recorder.change(task.task_id, TaskState.WAITING, Reason.SERVICE_READY, ready.message)
        return True


class EngineHost:
    """The engine as one step's host."""

    def __init__(self, hosts: HostFactory, task_id: str) -> None:
        self._hosts = hosts
        self._task_id = task_id

    async def approval(
        self, prompt: str, approvers: tuple[str, ...], until: int | None, take: TakeInputs
    ) -> Approval:
        """Wait for a person's answer."""
        question = Question(self._task_id, prompt, approvers, until, take)
        answer = self._hosts.request_handler.ask(question)
        self._hosts.post(question)
        return await answer

    def service_ready(self, message: str) -> None:
        """Tell the engine that the service is ready."""
        attempt = self._hosts.snapshot.tasks[self._task_id].attempt
        self._hosts.post(ServiceReady(self._task_id, attempt, message))

    async def run_mission(self, file: str, params: Mapping[str, Any]) -> SubMissionEnd:
        """Run another mission to its end with the runner that drives this execution."""
        task = self._hosts.snapshot.tasks[self._task_id]
        return await self._missions.run(task, file, params)

    async def run_steps(self, content: bytes) -> SubMissionEnd:
        """Run the steps of a group with the runner that drives this execution."""
        task = self._hosts.snapshot.tasks[self._task_id]
        return await self._missions.run_text(task, content)

    @property
    def _missions(self) -> SubMissions:
        if self._hosts.missions is None:
            raise BugError("this engine was not given a way to run sub-missions")
        return self._hosts.missions
