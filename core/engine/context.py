"""The execution context: what a step may refer to. Variables, step outputs, parameters, metadata.

Its lifecycle is Created → Initialized → Active → Archived. Secrets are named here, never held: they
are resolved just before an attempt and live in its environment only.
"""

from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from typing import Any

from core.domain.events import dump_json
from core.domain.fold import Snapshot
from core.domain.mission import Json, Mission
from core.domain.records import TaskRun
from core.domain.states import is_terminal
from core.engine.handler_scope import failed_steps
from core.errors import BugError
from core.expression.evaluate import ExpressionError, TemplateSyntaxError, has_template, render
from core.machine.environment import FAILED_STEPS, ReadableEnvironment
from core.machine.system_clock import SystemClock
from core.planning.ending import Ending
from core.ports.clock import Clock
from core.value.timestamp import rfc3339

DEFAULT_SIZE_LIMIT = 64 * 1024 * 1024
"""Bytes of JSON that all outputs and variables of one execution may take together."""

OUTPUT_LIMIT = 4 * 1024 * 1024
"""Bytes of JSON that one step's output may take."""


class ContextState(StrEnum):
    """Where a context is in its life."""

    CREATED = "Created"
    INITIALIZED = "Initialized"
    ACTIVE = "Active"
    ARCHIVED = "Archived"


class ContextLimitError(Exception):
    """Raised when an output is not JSON data or would make the context too large."""


class ExecutionContext:
    """Shared by all steps of one execution; updated by the engine when a step has ended."""

    def __init__(
        self,
        mission: Mission,
        snapshot: Snapshot,
        *,
        size_limit: int = DEFAULT_SIZE_LIMIT,
        output_limit: int = OUTPUT_LIMIT,
        clock: Clock | None = None,
    ) -> None:
        self.state = ContextState.CREATED
        self.variables: dict[str, Json] = dict(mission.variables)
        self._snapshot = snapshot
        self._clock = clock or SystemClock()
        self._size_limit = size_limit
        self._output_limit = output_limit
        self._size = len(dump_json(self.variables))
        self._mission = mission
        self._handlers = frozenset(step.id for step in mission.handlers.all)
        self.environ: Mapping[str, str] = {}
        """The environment of the execution's processes, `env` in templates."""
        self.ending: Callable[[], Ending | None] = _no_ending
        """Tells how the steps have ended, once they have; the engine knows."""

    @property
    def metadata(self) -> Mapping[str, Json]:
        """What is known of the execution: id, mission, start (RFC 3339), actor."""
        execution = self._snapshot.current
        started_at = execution.started_at
        return {
            "id": execution.execution_id,
            "mission": execution.mission_name,
            "workflow_id": execution.workflow_id,
            "started_at": None if started_at is None else rfc3339(started_at),
            "actor": execution.actor,
        }

    @property
    def values_of_item(self) -> Mapping[str, Json] | None:
        """What tells an execution from the others that a fan-out of its parent makes of a mission.

        None for one that no item of a fan-out runs.
        """
        execution = self._snapshot.current
        if execution.parent_task_id is None or not execution.parent_task_id.endswith("]"):
            return None
        return {"params": dict(execution.params), "vars": dict(self._mission.variables)}

    @property
    def audit_trail(self) -> str:
        """The name of the audit sub-chain that tells what happened in this context."""
        return f"execution/{self._snapshot.current.execution_id}"

    @property
    def size(self) -> int:
        """Bytes of JSON held in variables and outputs."""
        return self._size

    def initialize(self) -> None:
        """Take over what ended steps left: the same from a fresh and from a recovered snapshot."""
        if self.state is not ContextState.CREATED:
            raise BugError("context initialized twice")
        ended = [task for task in self._snapshot.tasks.values() if is_terminal(task.state)]
        for task in sorted(ended, key=lambda task: (task.ended_at or 0, task.position)):
            self.take_over(task)
        self.state = ContextState.INITIALIZED

    def activate(self) -> None:
        """Let steps use the context from now on."""
        self.state = ContextState.ACTIVE

    def archive(self) -> None:
        """Close the context: the execution has ended."""
        self.state = ContextState.ARCHIVED

    def admit(self, output: Mapping[str, Json]) -> None:
        """Check a step's output and account for it.

        Raises `ContextLimitError` when it is not JSON data, larger than one output may be, or when
        the context would grow beyond its limit.
        """
        if not output:
            return
        try:
            size = len(dump_json(output))
        except (TypeError, ValueError, RecursionError) as error:
            raise ContextLimitError(f"the output is not JSON data: {error}") from error
        if size > self._output_limit:
            raise ContextLimitError(
                f"the output takes {size:,} bytes of JSON, more than {self._output_limit:,}"
            )
        if self._size + size > self._size_limit:
            raise ContextLimitError(
                f"the outputs of this execution would take {self._size + size:,} bytes of JSON,"
                f" more than {self._size_limit:,}"
            )
        self._size += size

    def take_over(self, task: TaskRun) -> None:
        """Account for the output of a task run that ended before, or in another execution."""
        if task.outputs:
            self._size += len(dump_json(task.outputs))
            self._adopt_variables(task)

    def ended(self, task: TaskRun) -> None:
        """Take note that a task run has ended: its variables count from now on."""
        if task.outputs:
            self._adopt_variables(task)

    def scope(self, task: TaskRun | None = None) -> dict[str, Any]:
        """Return the names a template may use, for a task run (`item`, `index` of a fan-out)."""
        execution = self._snapshot.current
        found: dict[str, Any] = {
            "params": execution.params,
            "vars": self.variables,
            "env": ReadableEnvironment(self.environ),
            "steps": StepsView(self._snapshot),
            "execution": self.metadata,
            "timestamp": rfc3339(self._clock.now()),
        }
        ending = self.ending() if task is not None and task.task_id in self._handlers else None
        if ending is not None:
            found["execution"] = {
                **self.metadata,
                "state": ending.state.value,
                "reason_code": ending.reason.value,
                "message": ending.message or "",
            }
            found[FAILED_STEPS] = failed_steps(self._mission, self._snapshot)
        if task is not None and task.parent_task_id is not None:
            found["item"] = task.item
            found["index"] = int(task.task_id[task.task_id.rindex("[") + 1 : -1])
            if isinstance(task.item, Mapping):
                found["matrix"] = task.item
        return found

    def _adopt_variables(self, task: TaskRun) -> None:
        values = (task.outputs or {}).get(VARIABLES_KEY)
        if isinstance(values, Mapping):
            self.variables.update(values)


VARIABLES_KEY = "variables"
"""The key of an output under which `set_variables` hands on what it set."""


class StepsView(Mapping[str, Mapping[str, Json]]):
    """`steps` in templates: a live, read-only view of ended steps as `{output, state}`."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def __getitem__(self, task_id: str) -> Mapping[str, Json]:
        task = self._snapshot.tasks[task_id]
        error = None if task.error is None else task.error.message
        return {"output": task.outputs or {}, "state": task.state.value, "error": error}

    def __iter__(self) -> Iterator[str]:
        return (task.task_id for task in self._snapshot.tasks.values() if is_terminal(task.state))

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _no_ending() -> Ending | None:
    return None


def rendered_env(
    env: Mapping[str, str], context: ExecutionContext
) -> tuple[Mapping[str, str], str | None]:
    """Return the mission's own `env` with templates resolved, or why that is not possible."""
    if not has_template(env):
        return env, None
    try:
        found: Mapping[str, str] = render(env, context.scope())
    except (ExpressionError, TemplateSyntaxError) as error:
        return {}, f"env of the mission: {error}"
    return found, None
