"""Whether a live runner owns an execution."""

from core.machine.runner_identity import is_alive
from core.ports.control import Lease


def is_owned(lease: Lease | None, now: int) -> bool:
    """Tell whether a live runner holds `lease` at instant `now`.

    On the runner's own machine its process decides; elsewhere the lease does, by its expiry.
    """
    if lease is None:
        return False
    alive = is_alive(lease.identity)
    return lease.expires_at > now if alive is None else alive
