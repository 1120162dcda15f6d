"""Whether an execution has a runner, as far as that can be told from here."""

from core.machine.runner_identity import is_alive
from core.ports.control import Lease


def is_owned(lease: Lease | None, now: int) -> bool:
    """Tell whether a live runner holds `lease` at instant `now`.

    On the runner's own machine its process tells; elsewhere the lease does until it expires.
    """
    if lease is None:
        return False
    alive = is_alive(lease.identity)
    return lease.expires_at > now if alive is None else alive
