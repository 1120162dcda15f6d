"""Where a cluster's scheduler is, and whether it may be reached in the clear; no I/O."""

import ipaddress
from urllib.parse import urlsplit

from msgspec import Struct

from core.errors import UsageError

DEFAULT_PORT = 8786
"""The port of a Dask scheduler."""

_SCHEMES = ("tcp", "tls")
_HINT = "write `dask=tls://HOST:8786`"


class ClusterAddress(Struct, frozen=True, kw_only=True):
    """The address of a scheduler. On loopback, every worker counts as being on this machine."""

    scheme: str
    host: str
    port: int

    @property
    def url(self) -> str:
        """The address as Dask takes it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether the scheduler is on this machine and reached through its loopback interface."""
        return is_loopback(self.host)


def parse_cluster_address(text: str) -> ClusterAddress:
    """Parse `tls://host:8786`; the port may be left out.

    Raises `UsageError` for another form, and for `tcp` to a host that is not loopback: jobs and
    their output would cross the network in the clear, and anybody could run programs.
    """
    try:
        parts = urlsplit(text)
        port = parts.port or DEFAULT_PORT
    except ValueError as error:
        raise UsageError(f"`{text}` is no address of a cluster: {error}", hint=_HINT) from None
    if parts.scheme not in _SCHEMES or not parts.hostname:
        raise UsageError(f"`{text}` is no address of a cluster", hint=_HINT)
    if parts.path not in ("", "/") or parts.query or parts.fragment or parts.username is not None:
        raise UsageError(f"`{text}` has more than scheme, host and port", hint=_HINT)
    address = ClusterAddress(scheme=parts.scheme, host=parts.hostname, port=port)
    if address.scheme != "tls" and not address.is_loopback:
        raise UsageError(
            f"`{text}` is not encrypted, and not on this machine",
            hint="use `tls://`, with certificates as Dask's configuration names them"
            " (`distributed.comm.tls`)",
        )
    return address


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine by its name or address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
