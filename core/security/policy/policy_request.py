"""What a policy is asked: an action on a mission, and its context with every field present.

The fields are those of `missiondeck.cedarschema`.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct

MAX_LONG = 2**63 - 1
"""The largest number of Cedar."""


class PolicyRequest(Struct, frozen=True):
    """An action (`launch`, `attempt`, ...), the name of its mission, and its context."""

    action: str
    mission: str
    context: Mapping[str, Any]


def launch_request(
    mission: str,
    *,
    mission_sha256: str,
    file: str = "",
    kind: str = "run",
    secrets: Iterable[str] = (),
) -> PolicyRequest:
    """Return the question whether an execution may be created.

    `kind` is `run`, `rerun`, `retry` or `sub_mission`; `file` is empty for standard input.
    """
    context = {
        "mission_sha256": mission_sha256,
        "file": file,
        "kind": kind,
        "secrets": _set(secrets),
    }
    return PolicyRequest("launch", mission, context)


def attempt_request(
    mission: str,
    *,
    mission_sha256: str,
    step: str,
    step_type: str,
    attempt: int = 1,
    program: str = "",
    words: Iterable[str] = (),
    script: str | None = None,
    stdin: str | None = None,
    host: str | None = None,
    port: int | None = None,
    method: str | None = None,
    path: str | None = None,
    writes: Iterable[str] = (),
    env: Iterable[str] = (),
    secrets: Iterable[str] = (),
    safety: Iterable[str] = (),
) -> PolicyRequest:
    """Return the question whether an attempt may begin.

    `words` are the command line, `program` its resolved path, `script` and `stdin` what the program
    gets as a file to interpret and on its standard input. What does not apply to a step is
    empty, the port 0.
    """
    words = tuple(words)
    context = {
        "step": step,
        "step_type": step_type,
        "program": program,
        "command": " ".join(words),
        "args": _set(words[1:]),
        "script": script or "",
        "stdin": stdin or "",
        "host": host or "",
        "port": port or 0,
        "method": method or "",
        "path": path or "",
        "writes": _set(writes),
        "env": _set(env),
        "secrets": _set(secrets),
        "mission_sha256": mission_sha256,
        "attempt": min(attempt, MAX_LONG),
        "safety": _set(safety),
    }
    return PolicyRequest("attempt", mission, context)


def secret_request(
    mission: str,
    *,
    mission_sha256: str,
    secret: str,
    step: str,
    step_type: str,
    source: str = "store",
    attempt: int = 1,
) -> PolicyRequest:
    """Return the question whether an attempt may read a secret, and from where."""
    context = {
        "secret": secret,
        "source": source,
        "step": step,
        "step_type": step_type,
        "mission_sha256": mission_sha256,
        "attempt": min(attempt, MAX_LONG),
    }
    return PolicyRequest("read_secret", mission, context)


def answer_request(mission: str, *, mission_sha256: str, step: str, answer: str) -> PolicyRequest:
    """Return the question whether an approval step may be answered: `approve` or `reject`."""
    context = {"mission_sha256": mission_sha256, "step": step, "answer": answer}
    return PolicyRequest("approve", mission, context)


def retry_request(mission: str, *, mission_sha256: str, steps: Iterable[str]) -> PolicyRequest:
    """Return the question whether steps may be retried; none stands for all that failed."""
    return PolicyRequest("retry", mission, {"mission_sha256": mission_sha256, "steps": _set(steps)})


def cancel_request(mission: str, *, mission_sha256: str, step: str = "") -> PolicyRequest:
    """Return the question whether an execution, or only one of its steps, may be cancelled."""
    return PolicyRequest("cancel", mission, {"mission_sha256": mission_sha256, "step": step})


def _set(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(texts))
