"""What says in a mission file what a key of another tool says there.

The keys are those of GitHub Actions, GitLab CI, Airflow, Dagu, go-task and Compose, in snake case.
Keys that differ from ours only by name are the synonyms of `Key`; here are those that need a
sentence.
"""

import re
from collections.abc import Mapping

_TIMER = (
    "missions have no schedule: start `mission run` from cron or a systemd timer (docs/recipes)"
)
_CONTAINER = "steps run on this machine: call the container program from a `command` or `run` step"
_ORDER = "there is no such key: a step runs when those in its `depends_on` have ended"
_OUTPUT = (
    "output is kept without a key: `{{ steps.ID.output.stdout }}`; values are lines KEY=VALUE in"
    " `$MISSION_OUTPUT`"
)

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
    "max_active_runs": "`config.parallel_limit` limits the attempts of one execution",
    "catchup": _TIMER,
    "permissions": "who may do what is a matter of the machine, not of the mission file",
    "handler_on": "handlers are under `handlers`: on_success, on_failure, on_cancel, always",
    "handlers_on": "handlers are under `handlers`: on_success, on_failure, on_cancel, always",
    "mail_on": "tell somebody from a step under `handlers`",
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
    "repeat_policy": "write `repeat: {every: 5s, until: EXPRESSION, max: N}`",
    "retries": "write `retry: {max_attempts: N}`; the first attempt counts too",
    "retry_delay": "it is `initial_interval` of `retry`",
    "retry_exponential_backoff": "it is `backoff_coefficient` of `retry`",
    "max_retry_delay": "it is `max_interval` of `retry`",
    "timeout_minutes": "write `timeout_seconds: 5m`; a duration may have a unit",
    "execution_timeout": "write `timeout_seconds: 5m`; a duration may have a unit",
    "timeout_sec": "write `timeout_seconds`",
    "task_id": "it is called `id` here",
    "dag_id": "it is the `name` of the mission",
    "status": "write `inputs` and `outputs`: a step is skipped while they have not changed",
    "desc": "a step has a `name`, one line for people",
    "description": "a step has a `name`, one line for people",
    "healthcheck": "a step with `service: true` has `ready: {port|url|file|log: …}`",
    "mail_on": "tell somebody from a step under `handlers`",
    "mail_on_error": "tell somebody from a step under `handlers.on_failure`",
    "on_failure_callback": "write a step under `handlers.on_failure`",
    "on_success_callback": "write a step under `handlers.on_success`",
    "pool": "`config.parallel_limit` limits the attempts of one execution",
    "concurrency": "`config.parallel_limit` limits the attempts of one execution",
    "permissions": "who may do what is a matter of the machine, not of the mission file",
    "env_file": "name the file under `env_files`",
    "dotenv": "name the file under `env_files`",
    "silent": "`mission run --output none` prints no output; it is kept in any case",
    "schedule": _TIMER,
    "rules": "`when` has an expression, true or false",
    "stage": _ORDER,
}
"""Keys of a step."""

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def in_snake_case(key: str) -> str:
    """Return a key in snake case: `continue-on-error` and `continueOn` as ours are written."""
    return _HUMP.sub("_", key).replace("-", "_").lower()
