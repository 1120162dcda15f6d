"""Asks whether steps are up to date, and keeps the records of their successes for the engine."""

import asyncio
import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct

from core.domain.events import TaskStateChanged, dump_json
from core.domain.mission import MissionStep
from core.domain.reasons import Reason
from core.domain.records import TaskRun
from core.domain.state_word import counted
from core.domain.states import TaskState
from core.engine.preparation import Prepared, RunContext, Surroundings, prepare
from core.engine.up_to_date.file_state import FileProblemError, FileState, FileStates
from core.engine.up_to_date.step_comparison import Compared, Question, StepComparer, StepFiles
from core.engine.up_to_date.step_state import (
    StepRecord,
    StepState,
    compared_facts,
    encode_problem,
)
from core.engine.up_to_date.step_values import record_name, step_values
from core.ports.step_record import StepRecordChange, StepRecordKey
from core.step_type.registry import PROCESS_TYPES, REDIRECTS
from core.value.path_pattern import pattern_problem

_WILD = re.compile(r"[*?\[]")
QUESTIONS_FOR_EACH_THREAD = 100
ALL = "*"
"""In place of the names of steps: all of them are forced."""
MAX_NAMED_CHANGES = 20
"""Changes that are recorded one by one; of the others only their number is."""


class Answers(Struct, frozen=True):
    """Steps that were compared; or the error that made it impossible."""

    compared: Sequence[Compared]
    error: BaseException | None = None


class Made(Struct, frozen=True):
    """The files that an attempt made; or, in words, why its success cannot be recorded."""

    files: Mapping[str, FileState] | None
    problem: str = ""


CUT_SHORT = Made(None, "it was cancelled before its files were read")
"""Of an attempt that had succeeded when it was cancelled."""


class StepCheck:
    """The comparisons of one execution. `post` takes their answers into the next turn."""

    def __init__(self, run_context: RunContext, post: Callable[[Answers], None]) -> None:
        self._run_context = run_context
        self._post = post
        self._forced = frozenset(run_context.forced)
        self._asked: list[Question] = []
        self._answers: dict[str, Compared] = {}
        self._threads: set[asyncio.Future[list[Compared]]] = set()
        records = run_context.step_records
        self._comparer = None
        if records is not None:
            self._comparer = StepComparer(records, FileStates(), run_context.secrets)

    @property
    def is_under_way(self) -> bool:
        """Tell whether a comparison has not been answered yet."""
        return bool(self._threads)

    def ask(self, task: TaskRun, step: MissionStep) -> bool:
        """Note that a step is to be compared; False when it cannot be, and simply runs."""
        if self._comparer is None:
            return False
        prepared = prepare(self._run_context, task, step)
        if prepared.refusal is not None:
            return False
        self._asked.append(question_of(self._run_context, prepared, self._forced))
        return True

    def submit(self) -> None:
        """Let threads compare what was asked."""
        if self._comparer is None:
            return
        asked, self._asked = self._asked, []
        loop = asyncio.get_running_loop()
        for first in range(0, len(asked), QUESTIONS_FOR_EACH_THREAD):
            part = asked[first : first + QUESTIONS_FOR_EACH_THREAD]
            work = loop.run_in_executor(None, self._comparer.compare, part)
            self._threads.add(work)
            work.add_done_callback(self._answered)

    def _answered(self, work: "asyncio.Future[list[Compared]]") -> None:
        self._threads.discard(work)
        if work.cancelled():
            return
        error = work.exception()
        self._post(Answers((), error) if error is not None else Answers(work.result()))

    def skipped(self, task: TaskRun, compared: Compared, at: int) -> TaskStateChanged | None:
        """Return the end of a step that is up to date, None for one that has to run."""
        record = compared.record
        if compared.because or record is None:
            self._answers[task.task_id] = compared
            return None
        facts = compared_facts(record)
        told = ", ".join(
            counted(facts[name], noun)
            for name, noun in (
                ("inputs", "input file"),
                ("outputs", "output file"),
                ("values", "value"),
            )
        )
        return TaskStateChanged(
            at=at,
            execution_id=task.execution_id,
            task_id=task.task_id,
            from_state=task.state,
            to_state=TaskState.SKIPPED,
            reason_code=Reason.UP_TO_DATE,
            message=f"unchanged: {told}",
            reused_from=record.execution_id,
            outputs=record.result,
            compared=facts,
        )

    def refresh(self, compared: Compared) -> StepRecordChange | None:
        """Return the newer form of the record of a step that is up to date, if there is one."""
        if compared.refreshed is None:
            return None
        return StepRecordChange(key=compared.key, holder=compared.holder, data=compared.refreshed)

    def started(self, task: TaskRun, attempt: int) -> tuple[StepRecordChange, Mapping[str, Any]]:
        """Return what invalidates the record of a step, and why the step runs."""
        compared = self._answers.get(task.task_id)
        because = () if compared is None else compared.because
        facts: dict[str, Any] = {"attempt": attempt, "because": list(because[:MAX_NAMED_CHANGES])}
        if len(because) > MAX_NAMED_CHANGES:
            facts["more"] = len(because) - MAX_NAMED_CHANGES
        change = StepRecordChange(
            key=_key(self._run_context, task), holder=_holder(task, attempt), data=None
        )
        return change, facts

    async def made(self, prepared: Prepared) -> Made:
        """Return what a successful attempt has made, read in a thread."""
        compared = self._answers.get(prepared.task.task_id)
        if self._comparer is None or compared is None or compared.state is None:
            return Made(None)
        files = _files(self._run_context, prepared)
        texts = step_values(self._run_context, prepared)
        return await asyncio.to_thread(_look, self._comparer, compared.state, files, texts)

    def succeeded(
        self, task: TaskRun, attempt: int, made: Made
    ) -> tuple[StepRecordChange | None, str]:
        """Return what is kept of a success; and in words why it cannot be recorded, or nothing."""
        compared = self._answers.pop(task.task_id, None)
        if compared is None or self._comparer is None:
            return None, ""
        holder = _holder(task, attempt)
        if compared.state is None or made.files is None:
            problem = "; ".join(compared.because) if compared.state is None else made.problem
            data = encode_problem(problem)
            return StepRecordChange(key=compared.key, holder=holder, data=data), problem
        record = StepRecord(
            execution_id=task.execution_id,
            attempt=attempt,
            state=compared.state,
            outputs=made.files,
            result=dict(task.outputs or {}),
        )
        return StepRecordChange(key=compared.key, holder=holder, data=record.encode()), ""


def _look(
    comparer: StepComparer, compared: StepState, files: StepFiles, texts: Mapping[str, str]
) -> Made:
    """Return what an attempt has made of what it was compared with. Blocking."""
    try:
        made = comparer.made(files)
    except FileProblemError as error:
        return Made(None, f"outputs: {error}")
    changed = comparer.changed_meanwhile(compared, files, texts, made)
    return Made(made) if changed is None else Made(None, changed)


def question_of(surroundings: Surroundings, prepared: Prepared, forced: frozenset[str]) -> Question:
    """Return what is to be compared of a step that is about to start."""
    task, step = prepared.task, prepared.step
    return Question(
        task_id=task.task_id,
        key=_key(surroundings, task),
        texts=step_values(surroundings, prepared),
        secrets=step.secret_names,
        files=_files(surroundings, prepared),
        is_forced=not forced.isdisjoint((ALL, step.id, task.task_id)),
    )


def _key(surroundings: Surroundings, task: TaskRun) -> StepRecordKey:
    folder, name = str(surroundings.working_dir), record_name(task)
    values = surroundings.context.values_of_item
    if values is not None:
        name += f" {hashlib.sha256(dump_json(values).encode()).hexdigest()[:32]}"
    return StepRecordKey(surroundings.mission.name, folder, name)


def _files(surroundings: Surroundings, prepared: Prepared) -> StepFiles:
    root = surroundings.working_dir
    return StepFiles(
        folder=prepared.working_dir or root,
        root=root,
        reads=prepared.reads,
        makes=(*prepared.makes, *_redirects(prepared)),
    )


def _redirects(prepared: Prepared) -> Iterator[str]:
    """Yield patterns of the files that get what a process prints: it makes these, too."""
    if prepared.step.step_type not in PROCESS_TYPES:
        return
    for name in REDIRECTS:
        path = prepared.inputs.get(name)
        if path.__class__ is str and pattern_problem(path) is None:
            yield _WILD.sub(r"[\g<0>]", path)


def _holder(task: TaskRun, attempt: int) -> str:
    return f"{task.execution_id}/{task.task_id}/{attempt}"
