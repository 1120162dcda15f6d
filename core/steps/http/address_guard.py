"""Resolves host names once and checks which addresses a step may connect to (SSRF protection).

Connections are made to a checked address and not to the name, so that a second answer of the name
server (DNS rebinding) has no effect. Link-local and cloud metadata addresses are always denied, in
any notation, unless the settings permit one; loopback and private addresses only on request.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Iterator, Sequence
from urllib.parse import urlsplit

from msgspec import Struct

from core.step_type.intent import NO_INTENT, Intent

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Lookup = Callable[[str, int], Awaitable[list[str]]]
"""Host and port → addresses as text; raises `OSError` when there are none."""

_METADATA = frozenset(
    ipaddress.ip_address(text)
    for text in (
        "169.254.169.254",  # AWS, GCP, Azure, OpenStack, DigitalOcean (link-local anyway)
        "fd00:ec2::254",  # AWS over IPv6
        "fd20:ce::254",  # GCP over IPv6
        "100.100.100.200",  # Alibaba Cloud
        "168.63.129.16",  # Azure's wire server
        "192.0.0.192",  # Oracle Cloud
    )
)
_NAT64 = tuple(ipaddress.IPv6Network(text) for text in ("64:ff9b::/96", "64:ff9b:1::/48"))
_COMPATIBLE = ipaddress.IPv6Network("::/96")
_THIS_NETWORK = ipaddress.IPv4Network("0.0.0.0/8")
_MAX_ADDRESSES = 8
_PORTS = {"http": 80, "https": 443}


class AddressDeniedError(Exception):
    """Raised when a step would connect to a denied address: a security violation."""


class Target(Struct, frozen=True):
    """A host and port with its checked addresses, in the order to try."""

    host: str
    port: int
    addresses: tuple[str, ...]


def denied_because(address: Address, *, allow_private: bool = True) -> str | None:
    """Return why connecting to `address` is denied, or None if it is allowed."""
    for meant in _meanings(address):
        if meant in _METADATA:
            return "a cloud metadata address"
        if meant.is_link_local:
            return "a link-local address"
        if meant.is_multicast:
            return "a multicast address"
        if meant.is_unspecified or (meant.version == 4 and meant in _THIS_NETWORK):
            return "not an address of a host"
        if meant.version == 4 and meant.is_reserved:
            return "a reserved address"
        if not allow_private and (meant.is_private or meant.is_loopback or not meant.is_global):
            return "a private address"
    return None


def _meanings(address: Address) -> Iterator[Address]:
    """Yield the address and every IPv4 address embedded in it."""
    yield address
    if isinstance(address, ipaddress.IPv4Address):
        return
    if address.ipv4_mapped is not None:
        yield address.ipv4_mapped
    if address.sixtofour is not None:
        yield address.sixtofour
    if address.teredo is not None:
        yield from address.teredo
    if any(address in network for network in _NAT64) or (
        address in _COMPATIBLE and int(address) > 1
    ):
        yield ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)


def check_url(text: str) -> str:
    """Return an absolute http or https URL unchanged; `ValueError` for everything else.

    Checks the syntax only and imports nothing: it runs whenever a mission is validated.
    """
    try:
        parts = urlsplit(text.strip())
        port = parts.port
    except ValueError as error:
        raise ValueError(f"not a valid URL: {error}") from error
    if parts.scheme.lower() not in {"http", "https"}:
        raise ValueError(f"{parts.scheme or 'no scheme'}: only http and https URLs are supported")
    if not parts.hostname or port == 0:
        raise ValueError("the URL has no host")
    if "@" in parts.netloc:
        raise ValueError("credentials in a URL end up in logs: use auth")
    return text.strip()


def url_intent(url: str, method: str) -> Intent:
    """Return a request as the intent of a step; one that holds a template may name no host."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        return NO_INTENT
    usual = _PORTS.get(parts.scheme.lower())
    return Intent(host=parts.hostname, port=port or usual, method=method, path=parts.path or "/")


async def look_up(host: str, port: int) -> list[str]:
    """Query the system's resolver."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


def _is_permitted(address: Address, permitted: Sequence[str]) -> bool:
    """Tell whether an address, in the notation it was found in, is one of those permitted."""
    return any(
        address in network
        for network in map(ipaddress.ip_network, permitted)
        if network.version == address.version
    )


async def resolve(
    host: str,
    port: int,
    *,
    allow_private: bool = True,
    permitted: Sequence[str] = (),
    lookup: Lookup = look_up,
) -> Target:
    """Return the addresses of a host, all checked. Addresses and networks in `permitted` pass.

    Raises `AddressDeniedError` if any is denied, `OSError` when there is none.
    """
    addresses: list[str] = []
    for text in await lookup(host, port):
        address = ipaddress.ip_address(text)
        why = denied_because(address, allow_private=allow_private)
        if why is not None and not _is_permitted(address, permitted):
            subject = host if str(address) == host else f"{host} ({address})"
            raise AddressDeniedError(f"{subject} is {why}: steps may not connect to it")
        if text not in addresses:
            addresses.append(text)
    if not addresses:
        raise OSError(f"{host} has no address")
    return Target(host, port, tuple(addresses[:_MAX_ADDRESSES]))
