"""The table of the keys of a step: check, words, schema, default, example and synonyms of each."""

from core.domain.mission import TriggerRule
from core.domain.process_policy import Leftovers
from core.mission_file.finding.foreign_key import FOREIGN_TRIGGER_RULES
from core.mission_file.finding.limit import MAX_PARALLEL_ATTEMPTS, MAX_SCALAR_CHARACTERS
from core.mission_file.finding.value_check import (
    Key,
    check_boolean,
    check_name,
    check_timeout,
    one_of,
    text,
    whole,
)
from core.mission_file.keys.config import CONFIG_KEYS
from core.mission_file.keys.env import check_env
from core.mission_file.keys.json_schema import (
    BOOLEAN,
    MAPPING,
    NAME,
    STEP_ID_PATTERN,
    TEXT,
    TIMEOUT,
    VARIABLE_PATTERN,
    array,
    integer,
    mapping_of,
)
from core.mission_file.keys.limits_and_stop import check_limits, check_stop
from core.mission_file.keys.placement import RUNS_ON_SCHEMA, check_runs_on
from core.mission_file.keys.retry_policy import check_retry
from core.mission_file.keys.secret_names import check_secret_files, check_secret_names
from core.mission_file.keys.step.step_key_values import (
    check_artifacts,
    check_condition,
    check_data,
    check_depends_on,
    check_file_names,
    check_step_id,
    check_step_type,
)
from core.mission_file.shapes.concurrency_key import MUTEX
from core.mission_file.shapes.fan_out_keys import check_foreach, check_matrix
from core.mission_file.shapes.file_pattern import check_file_patterns
from core.mission_file.shapes.inner_steps import STEPS
from core.mission_file.shapes.precondition_key import PRECONDITIONS
from core.mission_file.shapes.repeat_key import REPEAT
from core.mission_file.shapes.service_key import READY, SERVICE

_FILES = {"anyOf": [{"type": "string", "minLength": 1}, array(TEXT), {"type": "null"}]}
"""The schema of a list of files, or one of them."""

STEP_KEYS = {
    "id": Key(
        check=check_step_id,
        doc="The name for other steps, commands and logs; unique within the mission.",
        schema={"type": "string", "pattern": STEP_ID_PATTERN},
        required=True,
        example="build",
    ),
    "name": Key(
        check=check_name,
        doc="The name for people: one line, any script.",
        schema=NAME,
        default="its id",
        example="Build the wheel",
        synonyms=("title", "label"),
    ),
    "step_type": Key(
        check=check_step_type,
        doc="What the step does, see `mission explain step.TYPE`. CamelCase is accepted. Not with"
        " `run`.",
        schema=TEXT,
        required=True,
        example="command",
        synonyms=("type", "kind", "action", "uses", "module"),
    ),
    "run": Key(
        check=text(MAX_SCALAR_CHARACTERS),
        doc="The text of a script: short for `step_type: script` with that text. Templates are"
        " refused in it; values reach it by `env`.",
        schema={"type": "string", "minLength": 1},
        example="make all",
        synonyms=("script", "shell_command", "bash", "sh", "cmd", "bash_command"),
    ),
    "use": Key(
        check=text(100),
        doc="The name of a template of the mission: its keys are those of this step, unless it has"
        " them itself.",
        schema=NAME,
        example="deploy",
        synonyms=("template", "extends", "uses"),
    ),
    "with": Key(
        check=check_data,
        doc="Values for the parameters of the template that it uses.",
        schema=MAPPING,
        default="{}",
        example="{host: web1}",
        synonyms=("with_params",),
    ),
    "steps": STEPS,
    "depends_on": Key(
        check=check_depends_on,
        doc="The ids of the steps that must end first; a single id needs no list.",
        schema={
            "anyOf": [
                {"type": "string", "pattern": STEP_ID_PATTERN},
                array({"type": "string", "pattern": STEP_ID_PATTERN}),
                {"type": "null"},
            ]
        },
        default="[]",
        example="[fetch, configure]",
        synonyms=("needs", "after", "dependencies", "requires", "upstream", "depends", "deps"),
    ),
    "timeout_seconds": Key(
        check=check_timeout,
        doc="How long one attempt may take before it is ended with TIMEOUT.",
        schema=TIMEOUT,
        default="the mission's deadline",
        example="300",
        synonyms=("timeout", "time_limit", "active_deadline_seconds"),
    ),
    "continue_on_error": Key(
        check=check_boolean,
        doc="Whether its failure counts as success for the steps that depend on it.",
        schema=BOOLEAN,
        default="false",
        example="true",
        synonyms=("ignore_errors", "allow_failure", "continue_on_failure"),
    ),
    "parameters": Key(
        check=check_data,
        doc="The parameters of its type; templates are resolved just before an attempt.",
        schema=MAPPING,
        default="{}",
        example="{command: make, args: [all]}",
        synonyms=("params", "args", "arguments", "config"),
    ),
    "retry": Key(
        check=check_retry,
        doc="Its retry policy.",
        schema=CONFIG_KEYS["retry"].schema,
        default="`config.retry`",
        example="{max_attempts: 3, initial_interval: 2s}",
        synonyms=("retries", "retry_policy", "retry_strategy"),
    ),
    "when": Key(
        check=check_condition,
        doc="An expression, true or false; if false, the step is skipped (CONDITION_FALSE).",
        schema={"type": ["string", "boolean"]},
        default="true",
        example="\"{{ params.target == 'production' }}\"",
        synonyms=("if", "condition", "only_if"),
    ),
    "preconditions": PRECONDITIONS,
    "repeat": REPEAT,
    "service": SERVICE,
    "ready": READY,
    "mutex": MUTEX,
    "trigger_rule": Key(
        check=one_of(TriggerRule, FOREIGN_TRIGGER_RULES),
        doc="Which outcomes of the steps it depends on let it run.",
        schema={"enum": [rule.value for rule in TriggerRule]},
        default="all_success",
        example="all_done",
        synonyms=("run_if", "trigger"),
    ),
    "foreach": Key(
        check=check_foreach,
        doc="A list: the step runs once for each `item`; its outputs are collected in a list.",
        schema={"type": ["string", "array"]},
        example='"{{ steps.list.output.entries }}"',
        synonyms=("with_items", "loop", "for_each", "items"),
    ),
    "matrix": Key(
        check=check_matrix,
        doc="Names with lists: the step runs once for each combination; `exclude` leaves some out,"
        " `include` adds some, or adds to some.",
        schema=mapping_of(VARIABLE_PATTERN, {"type": ["array", "string"]}),
        example="{os: [linux, macos], python: [3.11, 3.12]}",
    ),
    "max_parallel": Key(
        check=whole(1, MAX_PARALLEL_ATTEMPTS),
        doc="How many items of `foreach` or `matrix` may run at once.",
        schema=integer(1, MAX_PARALLEL_ATTEMPTS),
        default="`config.parallel_limit`",
        example="2",
    ),
    "env": Key(
        check=check_env,
        doc="Environment variables of its process, over those of the mission.",
        schema=mapping_of(VARIABLE_PATTERN, {"type": ["string", "integer", "boolean", "null"]}),
        default="{}",
        example="{LANG: C.UTF-8}",
        synonyms=("environment", "envs", "env_vars"),
    ),
    "env_files": Key(
        check=check_file_names,
        doc="Environment files (`.env`) read just before an attempt, below the folder of the"
        " mission file; later ones go over earlier ones, and `env` over all of them.",
        schema=_FILES,
        default="[]",
        example="[.env]",
        synonyms=("env_file", "dotenv", "envfile"),
    ),
    "secrets": Key(
        check=check_secret_names,
        doc="Names of the mission's secrets that it reads: each is a variable of its process.",
        schema=array({"type": "string", "pattern": VARIABLE_PATTERN}),
        default="[]",
        example="[DEPLOY_TOKEN]",
    ),
    "secret_files": Key(
        check=check_secret_files,
        doc="Secrets that it reads from a file: a variable with the file's path, and the name.",
        schema=mapping_of(VARIABLE_PATTERN, {"type": "string", "pattern": VARIABLE_PATTERN}),
        default="{}",
        example="{DEPLOY_KEY_FILE: DEPLOY_KEY}",
    ),
    "working_dir": Key(
        check=text(4096),
        doc="The folder it works in, relative to the mission's and within it.",
        schema=TEXT,
        default="`config.working_dir`",
        example="docs",
        synonyms=("dir", "cwd", "workdir", "working_directory", "chdir"),
    ),
    "idempotent": Key(
        check=check_boolean,
        doc="Whether it may run again after its runner was lost; if not, a person is asked.",
        schema=BOOLEAN,
        default="true",
        example="false",
    ),
    "runs_on": Key(
        check=check_runs_on,
        doc="What the process of a command or script needs from a worker of a cluster: amounts of"
        " resources, and tags.",
        schema=RUNS_ON_SCHEMA,
        default="`config.runs_on`",
        example="{gpu: 1, tag: big}",
    ),
    "limits": Key(
        check=check_limits,
        doc="What the processes of a command or script may use.",
        schema=CONFIG_KEYS["limits"].schema,
        default="`config.limits`",
        example="{cpu_seconds: 60, open_files: 256}",
        synonyms=("ulimit", "rlimits", "resources"),
    ),
    "artifacts": Key(
        check=check_artifacts,
        doc="Files in its working folder that are kept when an attempt has ended; patterns with"
        " `*`, `?`, `[a-z]` and `**`, or folders.",
        schema=_FILES,
        default="[]",
        example="[dist/*.whl, reports]",
        synonyms=("artifact", "files", "save"),
    ),
    "stdout_to": Key(
        check=text(4096),
        doc="A file below its working folder that gets the standard output of its command or"
        " script, secrets masked.",
        schema={"type": "string", "minLength": 1},
        example="build.log",
        synonyms=("stdout", "output_file", "log_file"),
    ),
    "stderr_to": Key(
        check=text(4096),
        doc="A file that gets the standard error of its command or script; may be the same.",
        schema={"type": "string", "minLength": 1},
        example="build.log",
        synonyms=("stderr", "error_file"),
    ),
    "stop": Key(
        check=check_stop,
        doc="How the process of a command or script is ended when it has to stop.",
        schema=CONFIG_KEYS["stop"].schema,
        default="`config.stop`",
        example="{signal: INT, grace: 30s}",
        synonyms=("kill_signal", "stop_signal", "signal_on_stop"),
    ),
    "leftovers": Key(
        check=one_of(Leftovers),
        doc="When processes that it leaves behind are ended: with the execution, with the step, or"
        " never (keep).",
        schema=CONFIG_KEYS["leftovers"].schema,
        default="`config.leftovers`",
        example="keep",
    ),
    "inputs": Key(
        check=check_file_patterns,
        doc="Patterns of the files that it reads, relative to its folder: it is skipped"
        " (UP_TO_DATE) while nothing has changed since its last success.",
        schema=_FILES,
        default="[]",
        example='["src/**/*.c", Makefile]',
        synonyms=("sources", "watch", "input_files"),
    ),
    "outputs": Key(
        check=check_file_patterns,
        doc="Patterns of the files that it makes, within its folder: it runs again when they are"
        " not as it left them.",
        schema=_FILES,
        default="[]",
        example="[build/app]",
        synonyms=("generates", "targets", "output_files", "produces"),
    ),
}
