"""Which secrets an execution will need, and that they are there before anything starts."""

from collections.abc import Container, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from core.domain.mission import Mission
from core.errors import MissionDeckError
from core.operations.secret_input import check_given, secret_inputs
from core.operations.site import Site
from core.security.mission_secrets import MissionSecrets

if TYPE_CHECKING:
    from core.launch.order import Order


def mission_secrets(
    mission: Mission, site: Site, *, environ: Mapping[str, str], folder: Path
) -> MissionSecrets:
    """Return where the secrets of a mission come from; nothing is read yet."""
    return MissionSecrets(
        mission.secrets, open_store=site.open_secrets, environ=environ, folder=folder
    )


def needed_secrets(mission: Mission, *, without: Container[str] = ()) -> tuple[str, ...]:
    """Return the names of the secrets that steps and handlers read, those of `without` aside."""
    if not mission.secrets:
        return ()
    steps = (step for step in mission.all_steps if step.id not in without)
    return tuple(dict.fromkeys(name for step in steps for name in step.secret_names))


class SecretState(Struct, frozen=True, kw_only=True):
    """A secret before a run. `problem` is why it cannot be used now, None if nothing is known."""

    name: str
    source: str | None
    """Where it comes from; None for the secret store."""
    is_input: bool
    is_missing: bool = False
    is_masked: bool = True
    problem: str | None = None


def secret_states(
    mission: Mission, site: Site, *, environ: Mapping[str, str], folder: Path
) -> tuple[SecretState, ...]:
    """Return the state of every secret that a step may read, without reading any value."""
    names = needed_secrets(mission)
    if not names:
        return ()
    found = mission_secrets(mission, site, environ=environ, folder=folder)
    inputs = {param.name for param in secret_inputs(mission)}
    sources = {one.name: one.source for one in mission.secrets}
    states = []
    for name in names:
        state = SecretState(name=name, source=sources[name], is_input=name in inputs)
        try:
            if found.missing([name]):
                state = replace(state, is_missing=True, problem="it has no value")
            elif found.unmasked([name]):
                state = replace(state, is_masked=False)
        except MissionDeckError as error:
            state = replace(state, problem=error.message)
        states.append(state)
    return tuple(states)


def require_secrets(site: Site, order: "Order", environ: Mapping[str, str]) -> None:
    """Raise `SecretMissingError` with every secret that the ordered run needs and nobody stored.

    Secrets of sub-missions are checked when they are started: which these are is known only then.
    Raises `UnavailableError` when the secret store cannot be opened, `UsageError` when the value of
    a secret input cannot be used.
    """
    if not order.mission.secrets:
        return
    folder = Path(order.working_dir if order.source_path is None else order.source_path)
    if order.source_path is not None:
        folder = folder.parent
    secrets = mission_secrets(order.mission, site, environ=environ, folder=folder)
    secrets.require(ordered_secrets(order))
    check_given(order.mission, environ)


def ordered_secrets(order: "Order") -> tuple[str, ...]:
    """Return the names of the secrets that an ordered run needs: required inputs, read by steps."""
    left_out = order.unselected | order.reuse.keys()
    required = (param.name for param in secret_inputs(order.mission) if param.required)
    needed = needed_secrets(order.mission, without=left_out)
    return tuple(dict.fromkeys((*needed, *required)))
