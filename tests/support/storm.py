"""A mission with everything that can be interrupted, killed at random, and what must then hold."""

import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.cli import mission
from tests.support.killed_runs import KilledRuns

MARK = 'echo "{} $MISSION_EXECUTION_ID $MISSION_STEP_ID $MISSION_ATTEMPT" >> journal'
FLAKY = 'test "$MISSION_ATTEMPT" -gt 1 || exit 75; '


def a_step(step: str, seconds: float, more: str = "", *, flaky: bool = False) -> str:
    """Return a script step as YAML that marks its begin and end in the journal."""
    end = (FLAKY if flaky else "") + MARK.format("end")
    script = f"{MARK.format('begin')}; sleep {seconds}; {end}"
    if flaky:
        more += ", retry: {max_attempts: 4, initial_interval: 0.8}"
    kind = "step_type: script"
    return f"{{id: {step}, name: {step}, {kind}, parameters: {{script: '{script}'}}{more}}}"


def a_mission(name: str, *steps: str, handlers: str = "", params: str = "") -> str:
    """Return a mission of these steps as YAML."""
    head = f'version: "1.0"\nname: {name}\nenv: {{STORM: TOKEN}}\nconfig: {{parallel_limit: 6}}\n'
    return head + params + "steps:\n" + "".join(f"  - {step}\n" for step in steps) + handlers


STORM = a_mission(
    "storm",
    a_step("first", 0.1),
    "{id: quick, name: quick, step_type: noop, depends_on: [first]}",
    a_step("each", 0.2, ", depends_on: [first], foreach: [1, 2, 3, 4, 5], max_parallel: 2"),
    a_step("flaky", 0.05, ", depends_on: [first]", flaky=True),
    "{id: gate, name: gate, step_type: approval, depends_on: [first], parameters: {prompt: go?}}",
    "{id: pause, name: pause, step_type: wait, depends_on: [gate], parameters: {seconds: 0.3}}",
    "{id: kids, name: kids, step_type: mission, depends_on: [quick], foreach: [a, b],"
    ' parameters: {file: kid.yaml, params: {who: "{{ item }}"}}}',
    a_step("last", 0.1, ", depends_on: [each, flaky, pause, kids]"),
    handlers=f"""handlers:
  on_success:
    - {a_step("announce", 0.2)}
  on_failure:
    - {a_step("alarm", 0)}
  always:
    - {a_step("sweep", 0.2)}
""",
)
KID = a_mission(
    "kid",
    a_step("pay", 0.1),
    a_step("part", 0.1, ", depends_on: [pay], matrix: {n: [1, 2], os: [x, y]}, max_parallel: 2"),
    "{id: ask, name: ask, step_type: approval, depends_on: [pay], parameters: {prompt: pay?}}",
    "{id: deep, name: deep, step_type: mission, depends_on: [pay], parameters: {file: deep.yaml}}",
    a_step("close", 0.1, ", depends_on: [part, ask, deep]"),
    params="params: {who: {type: string}}\n",
    handlers=f"handlers:\n  always:\n    - {a_step('tidy', 0.1)}\n",
)
DEEP = a_mission(
    "deep", a_step("one", 0.1), a_step("again", 0.1, ", depends_on: [one]", flaky=True)
)
EXECUTIONS = Counter(storm=1, kid=2, deep=2)
SUCCEEDED = {
    "storm": {"first", "quick", "each", "flaky", "gate", "pause", "kids", "last", "announce"}
    | {"sweep"}
    | {f"each[{n}]" for n in range(5)}
    | {f"kids[{n}]" for n in range(2)},
    "kid": {"pay", "part", "ask", "deep", "close", "tidy"} | {f"part[{n}]" for n in range(4)},
    "deep": {"one", "again"},
}
LONGEST_LIFE_SECONDS = 1.6
"""The longest time a runner lives before the next kill."""
PATIENCE_SECONDS = 60.0
"""The time without a kill within which an execution must end."""


@dataclass
class Figures:
    """Statistics of a storm of kills."""

    kills: int = 0
    executions: int = 0
    lost: int = 0
    answers: int = 0
    hit: Counter[str] = field(default_factory=Counter)
    """How many kills left an approval waiting, a backoff, a handler, an item, a sub-mission."""


class Storm(KilledRuns):
    """One database, in which the mission is run and killed again and again."""

    def __init__(self, folder: Path, seed: int) -> None:
        super().__init__(folder, seed)
        self.figures = Figures()
        for name, text in (("storm", STORM), ("kid", KID), ("deep", DEEP)):
            (folder / f"{name}.yaml").write_text(text.replace("TOKEN", self.token), "utf-8")

    def run(self, kills: int) -> None:
        """Launch the mission as often as it takes for so many kills, each to its right end."""
        while self.figures.kills < kills:
            self._drive(self.launch("storm.yaml"), kills)
            self.figures.executions += 1

    def _drive(self, execution_id: str, kills: int) -> None:
        while not self.has_ended(execution_id):
            if self.figures.kills < kills:
                life = time.monotonic() + self.chance.uniform(0, LONGEST_LIFE_SECONDS)
                self._answer_until(execution_id, life)
                if self.kill(execution_id):
                    self._count_kill()
                    self.resume(execution_id)
            else:
                self._answer_until(execution_id, time.monotonic() + PATIENCE_SECONDS)
                assert self.has_ended(execution_id), self._told(execution_id)
        self._check(execution_id)

    # --- acting ----------------------------------------------------------------------------------

    def _answer_until(self, execution_id: str, end: float) -> None:
        """Approve what waits, now and then, until `end` or the end of the execution."""
        while (left := end - time.monotonic()) > 0 and not self.has_ended(execution_id):
            waiting = self.rows(
                "SELECT execution.execution_id, task_id FROM task_run JOIN execution"
                " ON execution.id = task_run.execution WHERE task_run.state = 'WAITING'"
                " AND task_run.reason_code = 'AWAITING_APPROVAL'"
                " AND execution.state = 'RUNNING'"
            )
            if waiting and self.chance.random() < 0.3:
                asked, step = self.chance.choice(waiting)
                if mission(self.home, "approve", asked, step).code == 0:
                    self.figures.answers += 1
            time.sleep(min(left, 0.1))

    def _count_kill(self) -> None:
        self.figures.kills += 1
        for name, count in zip(_HIT_NAMES, self.rows(_HIT_BY_KILL)[0], strict=True):
            self.figures.hit[name] += bool(count)

    # --- judging ---------------------------------------------------------------------------------

    def _check(self, execution_id: str) -> None:
        """Everything succeeded, once, under one parent, and no attempt began twice."""
        family = self._family(execution_id)
        told = self._told(execution_id)
        assert Counter(name for _, name, _ in family) == EXECUTIONS, told
        assert {state for _, _, state in family} == {"SUCCESS"}, told
        began, ended = self._journal()
        for one, name, _ in family:
            tasks = self.rows(_TASKS, one)
            succeeded = {task for task, state in tasks if state == "SUCCESS"}
            assert succeeded == SUCCEEDED[name], told
            assert {state for _, state in tasks} <= {"SUCCESS", "SKIPPED"}, told
            tries: dict[str, list[str]] = {}
            for task, _, state in self.rows(_ATTEMPTS, one):
                tries.setdefault(task, []).append(state)
            for task, states in tries.items():
                assert states[-1] == "SUCCESS", (name, task, states)
                assert states.count("SUCCESS") == 1, (name, task, states)
                self.figures.lost += states.count("LOST")
            for task, numbers in began.get(one, {}).items():
                assert len(numbers) == len(set(numbers)), f"{task} of {name}: {numbers}"
                assert max(numbers) == len(tries[task]), f"{task} of {name}: {numbers}"
                assert len(tries[task]) in ended[one][task], f"{task} of {name} never ended"
            scripts = SUCCEEDED[name] - _NO_SCRIPTS
            assert scripts == set(began.get(one, {})), told

    def _family(self, execution_id: str) -> list[tuple[str, str, str]]:
        return self.rows(_FAMILY, execution_id)

    def _journal(self) -> tuple[dict[str, dict[str, list[int]]], dict[str, dict[str, list[int]]]]:
        found: dict[str, dict[str, dict[str, list[int]]]] = {"begin": {}, "end": {}}
        for line in (self.folder / "journal").read_text("utf-8").splitlines():
            kind, execution_id, task, attempt = line.split(" ")
            found[kind].setdefault(execution_id, {}).setdefault(task, []).append(int(attempt))
        return found["begin"], found["end"]

    def _told(self, execution_id: str) -> str:
        """Return the whole family as text, for the message of a failure."""
        lines = []
        for one, name, state in self._family(execution_id):
            lines.append(f"{name} {one} {state}")
            lines += [f"    {task}: {word}" for task, word in self.rows(_TASKS, one)]
        return "\n".join(lines)


_NO_SCRIPTS = {
    "quick",
    "gate",
    "pause",
    "kids",
    "kids[0]",
    "kids[1]",
    "each",
    "part",
    "ask",
    "deep",
}
_FAMILY = """
WITH RECURSIVE family(id) AS (
  VALUES (?) UNION SELECT execution_id FROM execution JOIN family ON parent_execution_id = family.id
)
SELECT execution_id, mission_name, state FROM execution JOIN family
ON execution.execution_id = family.id ORDER BY execution.id
"""
_TASKS = """
SELECT task_id, task_run.state FROM task_run JOIN execution ON execution.id = task_run.execution
WHERE execution_id = ? ORDER BY task_run.id
"""
_ATTEMPTS = """
SELECT task_id, attempt.attempt, attempt.state FROM attempt
JOIN task_run ON task_run.id = attempt.task_run
JOIN execution ON execution.id = task_run.execution
WHERE execution_id = ? ORDER BY attempt.task_run, attempt.attempt
"""
_HIT_BY_KILL = """
SELECT
  sum(task_run.reason_code = 'AWAITING_APPROVAL'),
  sum(task_run.reason_code = 'BACKOFF'),
  sum(task_id IN ('announce', 'sweep', 'tidy')),
  sum(task_run.parent_task_id IS NOT NULL),
  sum(execution.parent_execution_id IS NOT NULL)
FROM task_run JOIN execution ON execution.id = task_run.execution
WHERE execution.state = 'RUNNING' AND task_run.state IN ('RUNNING', 'WAITING')
"""
_HIT_NAMES = ("approvals waiting", "backoffs", "handlers", "items", "sub-missions")
