"""The keys of a step, and the check of one step."""

from collections.abc import Mapping
from typing import Any

from core.domain.mission import MissionStep, TriggerRule
from core.domain.process_policy import Leftovers
from core.mission_file.finding.code import Code
from core.mission_file.finding.foreign_key import (
    FOREIGN_STEP_KEYS,
    FOREIGN_TRIGGER_RULES,
    WORK_KEYS,
    foreign_type_hint,
    in_snake_case,
)
from core.mission_file.finding.limit import MAX_PARALLEL_ATTEMPTS, MAX_SCALAR_CHARACTERS
from core.mission_file.finding.problem import Path, Problems
from core.mission_file.finding.value_check import (
    INVALID,
    STEP_ID,
    Key,
    check_boolean,
    check_mapping,
    check_name,
    check_timeout,
    label,
    list_of,
    one_of,
    require_keys,
    shorten,
    suggest,
    text,
    whole,
    wrong_type,
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
from core.mission_file.keys.limits_and_stop import check_limits, check_stop, refuse_without_process
from core.mission_file.keys.not_yet import LANGUAGE_TYPES, refuse_unsupported
from core.mission_file.keys.placement import RUNS_ON_SCHEMA, check_runs_on
from core.mission_file.keys.retry_policy import check_retry
from core.mission_file.keys.secret_names import (
    SECRET_TYPES,
    check_secret_files,
    check_secret_names,
    refuse_without_use,
)
from core.mission_file.shapes.concurrency_key import MUTEX
from core.mission_file.shapes.fan_out_keys import check_foreach, check_matrix
from core.mission_file.shapes.file_pattern import (
    check_file_pattern,
    check_file_patterns,
    refuse_files,
)
from core.mission_file.shapes.inner_steps import STEPS
from core.mission_file.shapes.precondition_key import PRECONDITIONS
from core.mission_file.shapes.repeat_key import REPEAT
from core.mission_file.shapes.service_key import READY, SERVICE, refuse_service
from core.step_type.registry import (
    BUILT_IN,
    PROCESS_TYPES,
    REDIRECTS,
    normalise_type,
    step_type_names,
)
from core.value.path_pattern import pattern_problem


def check_step_id(value: Any, path: Path, problems: Problems) -> Any:
    """Check a step's id."""
    if value.__class__ is not str:
        return wrong_type(value, path, problems, "text")
    if STEP_ID.fullmatch(value):
        return value
    problems.error(
        Code.BAD_ID,
        f"{shorten(value)} is not a step id",
        path,
        hint="letters, digits, `_`, `.` and `-`, at most 100, a letter first",
    )
    return INVALID


def check_step_type(value: Any, path: Path, problems: Problems) -> Any:
    """Check a step's type; return its canonical name."""
    if value.__class__ is not str:
        return wrong_type(value, path, problems, "text")
    if value in BUILT_IN:
        return value
    name = normalise_type(value)
    if name in BUILT_IN:
        return name
    known = step_type_names()
    if name in known:
        return name
    if name in LANGUAGE_TYPES:
        problems.error(Code.NOT_SUPPORTED, f"step type `{name}` is not supported yet", path)
        return name
    problems.error(
        Code.UNKNOWN_STEP_TYPE,
        f"unknown step type {shorten(value)}",
        path,
        hint=foreign_type_hint(name)
        or suggest(name, known)
        or f"step types are: {', '.join(known)}",
    )
    return INVALID


_check_ids = list_of(check_step_id)


def check_depends_on(value: Any, path: Path, problems: Problems) -> Any:
    """Check a list of step ids; return each once."""
    if value.__class__ is dict:
        ids = ", ".join(list(value)[:3])
        hint = f"a list of ids, [{ids}]: a step waits for a service until it is ready"
        return wrong_type(value, path, problems, "a list", hint=hint)
    names = _check_ids(value, path, problems)
    if names is INVALID or len(names) < 2:
        return names
    once = tuple(dict.fromkeys(names))
    if len(once) != len(names):
        for index, name in enumerate(names):
            if name in names[:index]:
                problems.warn(
                    Code.DUPLICATE_DEPENDENCY, f"`{name}` is listed twice", (*path, index)
                )
    return once


def check_data(value: Any, path: Path, problems: Problems) -> Any:
    """Check a mapping of any content."""
    return value if value.__class__ is dict else wrong_type(value, path, problems, "a mapping")


def check_condition(value: Any, path: Path, problems: Problems) -> Any:
    """Check `when`: an expression, or simply true or false."""
    if value is True or value is False:
        return "true" if value else "false"
    if value.__class__ is not str:
        return wrong_type(value, path, problems, "text with an expression")
    if not value.strip():
        problems.error(Code.BAD_VALUE, "`when` is empty", path)
        return INVALID
    return value


def _check_file_name(value: Any, path: Path, problems: Problems) -> Any:
    """Check the name of a file below the folder of the mission file."""
    if value.__class__ is not str:
        return wrong_type(value, path, problems, "text")
    problem = pattern_problem(value)
    if problem is None:
        return value
    problems.error(
        Code.BAD_VALUE,
        f"{label(path)}, {shorten(value)}: it must be a file below the folder of the mission file",
        path,
    )
    return INVALID


_check_file_names = list_of(_check_file_name)


def check_file_names(value: Any, path: Path, problems: Problems) -> Any:
    """Check `env_files`: a list of files, or one of them."""
    if value.__class__ is not str:
        return _check_file_names(value, path, problems)
    found = _check_file_name(value, path, problems)
    return found if found is INVALID else (found,)


_check_patterns = list_of(check_file_pattern)


def _check_artifacts(value: Any, path: Path, problems: Problems) -> Any:
    if value.__class__ is dict:
        return wrong_type(value, path, problems, "a list of patterns", hint="such as [dist, *.log]")
    if value.__class__ is not str:
        return _check_patterns(value, path, problems)
    found = check_file_pattern(value, path, problems)
    return found if found is INVALID else (found,)


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
        schema={"anyOf": [{"type": "string", "minLength": 1}, array(TEXT), {"type": "null"}]},
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
        check=_check_artifacts,
        doc="Files in its working folder that are kept when an attempt has ended; patterns with"
        " `*`, `?`, `[a-z]` and `**`, or folders.",
        schema={"anyOf": [{"type": "string", "minLength": 1}, array(TEXT), {"type": "null"}]},
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
}

_FILES_SCHEMA = {"anyOf": [{"type": "string", "minLength": 1}, array(TEXT), {"type": "null"}]}
STEP_KEYS |= {
    "inputs": Key(
        check=check_file_patterns,
        doc="Patterns of the files that it reads, relative to its folder: it is skipped"
        " (UP_TO_DATE) while nothing has changed since its last success.",
        schema=_FILES_SCHEMA,
        default="[]",
        example='["src/**/*.c", Makefile]',
        synonyms=("sources", "watch", "input_files"),
    ),
    "outputs": Key(
        check=check_file_patterns,
        doc="Patterns of the files that it makes, within its folder: it runs again when they are"
        " not as it left them.",
        schema=_FILES_SCHEMA,
        default="[]",
        example="[build/app]",
        synonyms=("generates", "targets", "output_files", "produces"),
    ),
}

_KEYS_WITH_RUN = {name: key for name, key in STEP_KEYS.items() if name != "step_type"}
_UNSUPPORTED = ("foreach", "matrix")


def _report_no_work(value: dict[str, Any], path: Path, problems: Problems, what: str) -> None:
    """Report a step that does not say what it does, unless a key of another tool does."""
    foreign = WORK_KEYS.union(STEP_KEYS["run"].synonyms, STEP_KEYS["step_type"].synonyms)
    if foreign.isdisjoint(map(in_snake_case, value)):
        problems.error(
            Code.MISSING_KEY,
            f"{what} has neither `run` nor `step_type`",
            path,
            hint="add `run: COMMAND LINE`, or `step_type: command`",
        )


def _require_keys(value: Mapping[str, Any], path: Path, problems: Problems, what: str) -> None:
    """Report the required keys that are missing; the name of a step is often meant as its id."""
    keys, name = _KEYS_WITH_RUN, value.get("name")
    if "id" not in value and name.__class__ is str and STEP_ID.fullmatch(name):
        problems.error(
            Code.MISSING_KEY,
            f"{what} has no `id`",
            path,
            hint=f"write `id: {name}`; `name` is a line for people",
        )
        keys = {key: one for key, one in keys.items() if key != "id"}
    require_keys(value, path, problems, keys, what)


def check_step(value: Any, path: Path, problems: Problems) -> MissionStep | None:
    """Check one step; return it, or None when anything about it is wrong."""
    fields = check_mapping(value, path, problems, STEP_KEYS, "a step", FOREIGN_STEP_KEYS)
    if fields is INVALID:
        return None
    if fields.pop("use", None) is not None:  # not written out: it is reported where it is wrong
        return None
    if fields.get("steps") is None and fields.pop("with", None) is not None:
        problems.error(
            Code.BAD_VALUE,
            "`with` is for a step that uses a template",
            (*path, "with"),
            on_key=True,
            hint="name the template with `use`, or write `parameters`",
        )
        return None
    if fields.pop("steps", None) is not None:  # not written out: it is reported where it is wrong
        if path[0] != "steps":
            problems.error(
                Code.BAD_VALUE,
                "a handler has no steps of its own: list its steps one after the other",
                (*path, "steps"),
                on_key=True,
            )
        return None
    run = fields.pop("run", None)  # what is still here was not understood, and is reported
    if "id" not in fields or "step_type" not in fields:
        what = f"step `{fields['id']}`" if fields.get("id") not in (None, INVALID) else "the step"
        _require_keys(value, path, problems, what)
        if run is None and "step_type" not in fields:
            _report_no_work(value, path, problems, what)
        return None
    for feature in _UNSUPPORTED:
        if fields.get(feature):
            refuse_unsupported(feature, (*path, feature), problems)
    if fields["step_type"] in BUILT_IN and fields["step_type"] not in PROCESS_TYPES:
        for key in ("limits", "stop", "leftovers", "runs_on"):
            if key in fields:
                refuse_without_process(fields["step_type"], key, path, problems)
                return None
    for key in REDIRECTS:
        if key in fields and fields["step_type"] not in (INVALID, *PROCESS_TYPES):
            refuse_without_process(fields["step_type"], key, path, problems)
            return None
    if fields["step_type"] in BUILT_IN and fields["step_type"] not in SECRET_TYPES:
        for key in ("secrets", "secret_files"):
            if fields.get(key):
                refuse_without_use(fields["step_type"], key, path, problems)
                return None
    if refuse_service(fields, path, problems) or refuse_files(fields, path, problems):
        return None
    if "foreach" in fields and "matrix" in fields:
        problems.error(
            Code.BAD_VALUE,
            "`foreach` and `matrix` cannot be used together",
            (*path, "matrix"),
            on_key=True,
            hint="put the items into the matrix as one more name",
        )
        return None
    for key in REDIRECTS:
        if fields.pop(key, None) is not None:  # not written out: its value or its step is wrong
            return None
    if "name" not in fields:
        if fields["id"] is INVALID:
            return None
        fields["name"] = fields["id"]
    return None if run is not None or INVALID in fields.values() else MissionStep(**fields)
