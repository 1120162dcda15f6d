"""What is about to be attempted, as safety and policy see it. Decides nothing."""

from collections.abc import Callable, Iterator, Mapping

from msgspec import Struct
from msgspec.structs import replace

from core.domain.mission import EMPTY
from core.security.mission_secrets import command_of
from core.step_type.intent import Intent


class AttemptRequest(Struct, frozen=True, kw_only=True):
    """One attempt of one step with resolved values, secrets as their masks.

    In a plan there is no execution (`execution_id` is empty) and texts may hold templates.
    """

    mission_name: str
    mission_sha256: str
    step_id: str
    """The step of the mission file; `task_id` names the item of a fan-out as well."""
    task_id: str
    step_type: str
    intent: Intent
    working_dir: str
    """The folder in which the step works, absolute."""
    execution_id: str = ""
    attempt: int = 1
    env: Mapping[str, str] = EMPTY
    """The variables that the mission and the step set, by name."""
    secrets: tuple[str, ...] = ()
    """The names of the secrets that the attempt reads."""
    sources: Mapping[str, str] = EMPTY
    """Where these secrets come from, by name; those of the secret store are left out."""
    secret_variables: tuple[str, ...] = ()
    """The names of the variables by which secrets, or files with secrets, are delivered."""
    conditions: tuple[Intent, ...] = ()
    """What the scripts do that decide whether the attempt goes on: its preconditions."""
    environ: Callable[[], Mapping[str, str]] = dict
    """Returns all that is known of the environment of the step's processes; computed on demand."""
    safety: tuple[str, ...] = ()
    """The ids of what safety found and the settings allow."""


def requests_of(request: AttemptRequest) -> Iterator[AttemptRequest]:
    """Yield an attempt, and each command that runs on its behalf.

    Those are its preconditions, and what gives it a secret.
    """
    yield request
    for intent in request.conditions:
        yield replace(request, intent=intent, secrets=(), sources=EMPTY, conditions=())
    for source in request.sources.values():
        words = command_of(source)
        if words:
            yield replace(
                request,
                intent=Intent(argv=words),
                secrets=(),
                sources=EMPTY,
                conditions=(),
                env=EMPTY,
                secret_variables=(),
            )
