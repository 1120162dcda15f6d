"""The keys `service` and `ready` of a step: a process that others use while it runs."""

from collections.abc import Mapping
from typing import Any

from core.domain.mission import Ready
from core.mission_file.finding.code import Code
from core.mission_file.finding.limit import MAX_SCALAR_CHARACTERS
from core.mission_file.finding.problem import Path, Problems
from core.mission_file.finding.value_check import (
    INVALID,
    Key,
    check_boolean,
    check_mapping,
    check_pattern,
    check_timeout,
    label,
    mapping_schema,
    text,
    wrong_type,
)
from core.mission_file.keys.json_schema import BOOLEAN, TIMEOUT
from core.step_type.registry import PROCESS_TYPES

PROBES = ("port", "url", "file", "log", "run")


def _check_probe(value: Any, path: Path, problems: Problems) -> Any:
    """Check what is probed; its form is that of the step type `wait_for`, which checks it."""
    if value.__class__ is int:
        return str(value)
    if value.__class__ is not str:
        return wrong_type(value, path, problems, "text")
    if not value.strip():
        problems.error(Code.BAD_VALUE, f"{label(path)} is empty", path)
        return INVALID
    return value


READY_KEYS = {
    "port": Key(
        check=_check_probe,
        doc="It accepts connections: a number, or HOST:PORT.",
        schema={"type": ["integer", "string"]},
        example="5432",
        synonyms=("tcp",),
    ),
    "url": Key(
        check=_check_probe,
        doc="It answers with a status from 200 to 399.",
        schema={"type": "string", "minLength": 1},
        example="http://127.0.0.1:8080/health",
        synonyms=("http", "http_get"),
    ),
    "file": Key(
        check=_check_probe,
        doc="The service has made it, or written to it, below the folder of the step.",
        schema={"type": "string", "minLength": 1},
        example="server.sock",
        synonyms=("path",),
    ),
    "log": Key(
        check=check_pattern,
        doc="A regular expression (RE2) that a line of its output matches.",
        schema={"type": "string", "minLength": 1},
        example="listening on",
        synonyms=("log_line", "pattern", "output"),
    ),
    "run": Key(
        check=text(MAX_SCALAR_CHARACTERS),
        doc="A script that exits with 0, run every second until it does. Templates are refused.",
        schema={"type": "string", "minLength": 1},
        example="docker exec db pg_isready",
        synonyms=("test", "command", "cmd", "exec", "script"),
    ),
    "timeout": Key(
        check=check_timeout,
        doc="How long it may take to be ready; then the attempt fails.",
        schema=TIMEOUT,
        default="1 minute",
        example="2m",
        synonyms=("timeout_seconds", "within"),
    ),
}


def check_ready(value: Any, path: Path, problems: Problems) -> Any:
    """Check when a service is ready: exactly one probe."""
    fields = check_mapping(value, path, problems, READY_KEYS, "`ready`")
    if fields is INVALID or INVALID in fields.values():
        return INVALID
    if sum(name in fields for name in PROBES) != 1:
        problems.error(Code.BAD_VALUE, "`ready` needs one of port, url, file, log and run", path)
        return INVALID
    return Ready(**fields)


SERVICE = Key(
    check=check_boolean,
    doc="Whether it is a service: the steps that depend on it start when it is ready, and it is"
    " ended when the last of them has.",
    schema=BOOLEAN,
    default="false",
    example="true",
    synonyms=("background", "daemon", "detach"),
)
READY = Key(
    check=check_ready,
    doc="When a service is ready.",
    schema=mapping_schema(READY_KEYS),
    default="as soon as it runs",
    example="{port: 5432, timeout: 30s}",
    synonyms=("healthcheck", "health_check", "ready_when", "readiness"),
)


def refuse_service(fields: Mapping[str, Any], path: Path, problems: Problems) -> bool:
    """Report what does not go together with a service; tell whether anything did."""
    if not fields.get("service"):
        if "ready" not in fields:
            return False
        message, key, hint = "`ready` is for a service", "ready", "add `service: true`"
    elif fields["step_type"] not in (INVALID, *PROCESS_TYPES):
        message = f"a step of type `{fields['step_type']}` has no process that could serve"
        key, hint = "service", "a service is a `run`, a command or a script"
    else:
        found = next((key for key in ("foreach", "matrix", "repeat") if key in fields), None)
        if found is None:
            return False
        message, key, hint = f"a service runs once: `{found}` is not allowed", found, None
    problems.error(Code.BAD_VALUE, message, (*path, key), on_key=True, hint=hint)
    return True
