"""Which secrets an execution will need, and that they are there before anything starts."""

from collections.abc import Container, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from core.domain.mission import Mission
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


def require_secrets(site: Site, order: "Order", environ: Mapping[str, str]) -> None:
    """Raise `SecretMissingError` with every secret that the ordered run needs and nobody stored.

    Secrets of sub-missions are checked when they are started: which these are is known only then.
    Raises `UnavailableError` when the secret store cannot be opened.
    """
    if not order.mission.secrets:
        return
    folder = Path(order.working_dir if order.source_path is None else order.source_path)
    if order.source_path is not None:
        folder = folder.parent
    secrets = mission_secrets(order.mission, site, environ=environ, folder=folder)
    left_out = order.unselected | order.reuse.keys()
    secrets.require(needed_secrets(order.mission, without=left_out))
