"""What says in a mission file what a key of another tool says there.

The keys are those of GitHub Actions, GitLab CI, Airflow, Dagu, go-task, just, Argo and Compose, in
snake case. Keys that differ from ours only by name are the synonyms of `Key`; here are those that
need a sentence.
"""

import re
from collections.abc import Mapping
from typing import Any

_TIMER = (
    "when it runs is not in the file: `mission schedule add FILE` installs a timer of systemd or a"
    " line of cron"
)
_ONE_RUN = "one run at a time: `concurrency: {group: NAME}`; attempts: `config.parallel_limit`"
_CHANGES = "a step with `inputs` and `outputs` is skipped while its files have not changed"
_CONTAINER = "steps run on this machine: call the container program from a `command` or `run` step"
_ORDER = "there is no such key: a step runs when those in its `depends_on` have ended"
_OUTPUT = (
    "output is kept without a key: `{{ steps.ID.output.stdout }}`; values are lines KEY=VALUE in"
    " `$MISSION_OUTPUT`"
)

_LATE = (
    "`timeout_seconds: 5m` fails a step that takes longer; `mission help coming-from` has a step"
    " that only tells it"
)
_POOL = (
    "`mutex: NAME` lets one attempt of all executions run at a time; `max_parallel` limits the"
    " items of one step, `config.parallel_limit` the attempts of one execution"
)
_SENSOR = (
    "`step_type: wait_for` with `parameters: {file: PATH, interval: 5s, timeout: 1h}`; `repeat`"
    " asks anything else"
)
_BRANCH = "write `when` in the first step of each branch"

FOREIGN_MISSION_KEYS: Mapping[str, str] = {
    "on": _TIMER,
    "schedule": _TIMER,
    "schedule_interval": _TIMER,
    "cron": _TIMER,
    "services": "a service is a step: `service: true` beside its `run`, and `ready: {port: 5432}`",
    "dag_id": "it is called `name` here",
    "default_args": "values for all steps are under `defaults`",
    "dotenv": "name the file under `env_files`",
    "env_file": "name the file under `env_files`",
    "image": _CONTAINER,
    "before_script": _ORDER,
    "max_active_runs": _ONE_RUN,
    "max_active_tasks": "`config.parallel_limit` limits the attempts of one execution",
    "catchup": _TIMER,
    "start_date": _TIMER,
    "end_date": _TIMER,
    "volumes": _CONTAINER,
    "networks": _CONTAINER,
    "cache": _CHANGES,
    "after_script": "steps under `handlers.always` run at the end",
    "api_version": 'a mission has `version: "1.0"`, `name` and `steps`',
    "set": "`defaults` has the shell and the environment of all steps",
    "permissions": "who may do what is a matter of the machine, not of the mission file",
    "handler_on": "handlers are under `handlers`: on_success, on_failure, on_cancel, always",
    "handlers_on": "handlers are under `handlers`: on_success, on_failure, on_cancel, always",
    "mail_on": "tell somebody from a step under `handlers`",
    "on_failure_callback": "write a step under `handlers.on_failure`",
    "on_success_callback": "write a step under `handlers.on_success`",
    "sla_miss_callback": _LATE,
    "dagrun_timeout": "write `config: {timeout_seconds: 2h}`",
    "timeout_sec": "write `config: {timeout_seconds: 2h}`",
    "group": "`labels: {group: NAME}` names its executions",
    "hist_retention_days": "`[retention]` of the settings says how long records are kept",
}
"""Keys of the top level."""

FOREIGN_STEP_KEYS: Mapping[str, str] = {
    "command": "write `run: COMMAND LINE`; without a shell: `step_type: command` and"
    " `parameters: {command: PROGRAM, args: [...]}`",
    "entrypoint": "write `run: COMMAND LINE`",
    "cmds": "put the lines into one text: `run: |`, with a line for each",
    "commands": "put the lines into one text: `run: |`, with a line for each",
    "image": _CONTAINER,
    "container": _CONTAINER,
    "executor": _CONTAINER,
    "volumes": _CONTAINER,
    "ports": _CONTAINER,
    "build": _CONTAINER,
    "uses": "there are no actions: write what it does as `run`, or `use` a template of the mission",
    "shell": "it is a parameter: `parameters: {shell: sh}`; for all steps it is in `defaults`",
    "vars": "`variables` are the mission's; a step has `env`",
    "variables": "`variables` are the mission's; a step has `env`",
    "strategy": "write `matrix: {NAME: [VALUES]}` in the step itself",
    "parallel": "write `foreach` with the items, or `matrix`; `max_parallel` limits them",
    "output": _OUTPUT,
    "register": _OUTPUT,
    "xcom_push": _OUTPUT,
    "do_xcom_push": _OUTPUT,
    "restart": "`retry` runs a step again that failed",
    "services": "a service is a step of its own: `service: true` beside its `run`, and `ready`",
    "recipe": "it is called `id` here",
    "target": "it is called `id` here",
    "operator": "write `run: COMMAND LINE`, or a `step_type`: docs/mission-file.md lists them",
    "python_callable": "write `run: python3 FILE`",
    "call": "`step_type: mission` with `parameters: {file: FILE}` runs another mission",
    "email_on_failure": "tell somebody from a step under `handlers.on_failure`",
    "email_on_retry": "tell somebody from a step under `handlers`",
    "cache": _CHANGES,
    "method": _CHANGES,
    "only": "`when` has an expression, true or false",
    "except": "`when` has an expression, true or false",
    "unless": "`when` has an expression, true or false",
    "tags": "`labels` of the mission name its executions; a step has none",
    "labels": "`labels` of the mission name its executions; a step has none",
    "interruptible": "one run replaces another: `concurrency: {group: NAME, policy: cancel}`",
    "before_script": _ORDER,
    "after_script": "steps under `handlers` run at the end of the mission",
    "depends_on_past": "one run at a time: `concurrency: {group: NAME}` of the mission",
    "run_once": "a step runs once in an execution",
    "msg": "the message of a step that is skipped names what did not hold",
    "repeat_policy": "write `repeat: {every: 5s, until: EXPRESSION, max: N}`",
    "retries": "write `retry: {max_attempts: N}`; the first attempt counts too",
    "retry_delay": "it is `initial_interval` of `retry`",
    "retry_exponential_backoff": "it is `backoff_coefficient` of `retry`",
    "max_retry_delay": "it is `max_interval` of `retry`",
    "timeout_minutes": "write `timeout_seconds: 5m`; a duration may have a unit",
    "execution_timeout": "write `timeout_seconds: 5m`; a duration may have a unit",
    "timeout_sec": "write `timeout_seconds`",
    "sla": _LATE,
    "task_id": "it is called `id` here",
    "dag_id": "it is the `name` of the mission",
    "status": "write `inputs` and `outputs`: a step is skipped while they have not changed",
    "desc": "a step has a `name`, one line for people",
    "description": "a step has a `name`, one line for people",
    "healthcheck": "a step with `service: true` has `ready: {port|url|file|log|run: …}`",
    "mail_on": "tell somebody from a step under `handlers`",
    "mail_on_error": "tell somebody from a step under `handlers.on_failure`",
    "on_failure_callback": "write a step under `handlers.on_failure`",
    "on_success_callback": "write a step under `handlers.on_success`",
    "pool": _POOL,
    "pool_slots": _POOL,
    "max_active_tis_per_dag": _POOL,
    "priority_weight": "ready steps start in the order of the file; `config.priority` decides"
    " between executions",
    "queue": "`runs_on` says what a worker of a cluster must have",
    "poke_interval": _SENSOR,
    "filepath": _SENSOR,
    "soft_fail": "`continue_on_error: true` tolerates a failure",
    "expand": 'write `foreach: "{{ steps.ID.output.parsed }}"`; each run has `item`',
    "op_kwargs": "values reach a script by `env`",
    "op_args": "values reach a script by `env`",
    "task_group": "a step with `steps` is a group",
    "task_group_id": "a step with `steps` is a group",
    "trigger_dag_id": "`step_type: mission` with `parameters: {file: FILE}` runs another mission",
    "params": "`step_type: mission` has `parameters: {file: FILE, params: {NAME: VALUE}}`; a step"
    " that uses a template or has `steps` has `with`",
    "signal_on_stop": "write `stop: {signal: INT}`",
    "concurrency": "`mutex: NAME` lets one attempt run at a time; `max_parallel` so many items",
    "permissions": "who may do what is a matter of the machine, not of the mission file",
    "env_file": "name the file under `env_files`",
    "dotenv": "name the file under `env_files`",
    "silent": "`mission run --output none` prints no output; it is kept in any case",
    "schedule": _TIMER,
    "rules": "`when` has an expression, true or false",
    "stage": _ORDER,
}
"""Keys of a step."""

WORK_KEYS = frozenset(
    {"command", "commands", "cmds", "entrypoint", "uses", "operator", "python_callable", "image"}
)
"""Keys of a step that say what it does: the hint for them says what to write instead."""

SPELLED: Mapping[str, str] = {
    "runs-on": "steps run on this machine, whatever it is called; `runs_on` is for the workers of a"
    " cluster",
}
"""Keys of another tool that are ours only in another spelling, and mean something else."""

_TOOLS = (
    ("a workflow of GitHub Actions", ("jobs",)),
    ("a DAG of Airflow", ("dag_id", "schedule_interval", "default_args")),
    ("a Compose file", ("services",)),
    ("a Taskfile", ("tasks",)),
    ("a pipeline of GitLab CI", ("stages",)),
    ("an object of Kubernetes, such as a workflow of Argo", ("apiVersion",)),
)
_DAGU_KEYS = ("handlerOn", "maxActiveRuns", "histRetentionDays", "dotenv", "mailOn", "schedule")
"""A DAG of Dagu has `steps`, as a mission has, but no `version`."""
_FILES = {
    "makefile": "make",
    "gnumakefile": "make",
    "justfile": "just",
    "dockerfile": "Docker",
    "jenkinsfile": "Jenkins",
}


def foreign_data(data: Mapping[str, Any]) -> str | None:
    """Return of which other tool a file with this data is; None if it may be a mission."""
    if "version" in data and ("steps" in data or "name" in data):
        return None
    if "steps" in data:
        return "a DAG of Dagu" if any(key in data for key in _DAGU_KEYS) else None
    return next((tool for tool, keys in _TOOLS if any(key in data for key in keys)), None)


def foreign_file(name: str) -> str | None:
    """Return of which other tool a file of this name is, for files that are not YAML or JSON."""
    tool = _FILES.get(name.lower())
    return None if tool is None else f"a file of {tool}"


PORTING = (
    "`mission help coming-from` tells what is called how here;"
    " `mission init` writes a mission to begin with"
)

_OUTCOMES = re.compile(r"\b(always|failure|success|cancelled|succeeded|failed)\(")


def expression_hint(text: str) -> str | None:
    """Return what says here what an expression of another tool says; None for any other."""
    if "${{" in text:
        return "an expression is `{{ ... }}`, without a `$`"
    if _OUTCOMES.search(text):
        return (
            "after a failure: `trigger_rule: one_failed`, in any case: `trigger_rule: all_done`;"
            " at the end of the mission: `handlers`"
        )
    return None


_AT_THE_END = "what runs at the end, and after which outcome, is under `handlers`"
FOREIGN_NAMES: Mapping[str, str] = {
    "github": "what a run is to know is declared under `params`, or is in `env.NAME`",
    "inputs": "the inputs of the mission are `params.NAME`",
    "needs": "the output of a step is `steps.ID.output`",
    "tasks": "the output of a step is `steps.ID.output`",
    "workflow": "the mission and its run are `execution.mission` and `execution.id`",
    "dag_run": "the mission and its run are `execution.mission` and `execution.id`",
    "ds": "the day that a run is for is best a param; today is `timestamp[:10]`",
    "ti": "the output of a step is `steps.ID.output`",
    "manual": "a step of the type `approval` waits for a person",
    "on_success": _AT_THE_END,
    "on_failure": _AT_THE_END,
    "always": "in any case: `trigger_rule: all_done`; at the end of the mission: `handlers`",
    "never": "write `when: false`",
}
"""Names in expressions of other tools."""

FOREIGN_TRIGGER_RULES: Mapping[str, str] = {
    "none_failed_or_skipped": "it is called `none_failed_min_one_success` here",
    "dummy": "it is called `always` here",
    "all_skipped": "`when` can look at `steps.ID.state`, with `trigger_rule: all_done`",
}
"""Trigger rules of Airflow that are called otherwise here."""

_TYPES = (
    (_SENSOR, ("sensor",)),
    (_BRANCH, ("branch", "circuit", "switch")),
    ("`step_type: mission` runs another mission", ("dag", "workflow")),
    (_CONTAINER, ("docker", "container", "kubernetes")),
    ("write `run: python3 FILE`, or `parameters: {shell: python3}` beside `run`", ("python",)),
    ("write `run: COMMAND LINE`", ("bash", "shell", "ssh", "exec")),
    ("tell somebody from a step under `handlers`", ("email", "mail", "slack")),
    ("write `step_type: noop`", ("empty", "dummy")),
)


def foreign_type_hint(name: str) -> str | None:
    """Return what to write for a step type of another tool; None for any other word.

    `name` is in snake case, such as `python_operator` or `file_sensor`.
    """
    parts = frozenset(name.split("_"))
    return next((hint for hint, words in _TYPES if not parts.isdisjoint(words)), None)


_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def in_snake_case(key: str) -> str:
    """Return a key in snake case: `continue-on-error` and `continueOn` as ours are written."""
    return _HUMP.sub("_", key).replace("-", "_").lower()
