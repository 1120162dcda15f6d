"""The gate of the policies: asks them before each attempt, and for each secret that it reads."""

import os
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from core.domain.reasons import Reason
from core.executors.lookup import Lookup, UnstartableError
from core.security.attempt_gate import ALLOWED, GateAnswer
from core.security.attempt_request import AttemptRequest
from core.security.policy import policy_request
from core.security.policy.policies import Policies, Verdict
from core.security.policy.policy_request import PolicyRequest
from core.step_type.step_type import StepOutcome


class PolicyGate:
    """Implements `AttemptGate` over policies that were read before."""

    def __init__(self, policies: Policies) -> None:
        self._policies = policies

    def answer(self, request: AttemptRequest) -> GateAnswer:
        """Refuse what the policies deny; tell what policies that only warn would deny."""
        warnings: list[Mapping[str, Any]] = []
        for asked in requests_of(request):
            verdict = self._policies.decide(asked)
            if verdict.is_denied:
                refusal = StepOutcome.failure(
                    Reason.POLICY_VIOLATION,
                    _sentence(asked, verdict),
                    verdict.rules[0],
                )
                return GateAnswer(refusal=refusal, warnings=tuple(warnings))
            if not verdict.is_allowed:
                warnings.append(verdict.facts(asked))
        return GateAnswer(warnings=tuple(warnings)) if warnings else ALLOWED


def requests_of(request: AttemptRequest) -> Iterator[PolicyRequest]:
    """Yield what policies are asked about one attempt: itself, and each secret that it reads."""
    intent = request.intent
    yield policy_request.attempt_request(
        request.mission_name,
        mission_sha256=request.mission_sha256,
        step=request.step_id,
        step_type=request.step_type,
        attempt=request.attempt,
        program=_program(request),
        words=intent.argv,
        script=intent.script,
        stdin=intent.stdin,
        host=_host(intent.host or ""),
        port=intent.port,
        method=intent.method,
        path=intent.path,
        writes=_with_folders(request.working_dir, intent.writes),
        env=request.env,
        secrets=request.secrets,
        safety=request.safety,
    )
    for secret in request.secrets:
        yield policy_request.secret_request(
            request.mission_name,
            mission_sha256=request.mission_sha256,
            secret=secret,
            source=request.sources.get(secret, "store"),
            step=request.step_id,
            step_type=request.step_type,
            attempt=request.attempt,
        )


def _sentence(asked: PolicyRequest, verdict: Verdict) -> str:
    """Return why an attempt is refused, with the secret where it is about reading one."""
    secret = asked.context.get("secret")
    return verdict.sentence if secret is None else f"secret {secret}: {verdict.sentence}"


def _host(name: str) -> str:
    """Return a host as it is looked up: lower case, without the last dot, ASCII."""
    name = name.rstrip(".").lower()
    if name.isascii():
        return name
    try:
        return name.encode("idna").decode("ascii")
    except UnicodeError:
        return name


def _program(request: AttemptRequest) -> str:
    """Return the absolute path of the program, links resolved; as it is named if it is not found.

    It is looked for on the PATH that the step's processes have, as when it is started.
    """
    argv = request.intent.argv
    if not argv:
        return ""
    folder = os.path.join(request.working_dir, request.intent.working_dir or "")  # noqa: PTH118 - as the executor does
    try:
        return os.path.realpath(Lookup().find(argv[0], request.environ(), folder))
    except (UnstartableError, ValueError):
        return argv[0]


def _with_folders(folder: str, names: Sequence[str]) -> list[str]:
    """Return absolute paths, without `..`, of files and of the folders above them."""
    return [path for name in names for path in _lineage(folder, name)]


@lru_cache(maxsize=1024)
def _lineage(folder: str, name: str) -> tuple[str, ...]:
    path = Path(os.path.normpath(os.path.join(folder, name)))  # noqa: PTH118 - pathlib keeps `..`
    return (str(path), *(str(above) for above in path.parents))
