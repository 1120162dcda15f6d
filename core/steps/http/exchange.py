"""One HTTP exchange with its redirects: every hop is resolved, checked, and pinned to an address.

The only module that imports httpx. Proxies from the environment are ignored: through a proxy, the
connection would not go to the address that was checked.
"""

import asyncio
import os
import re
import ssl
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from functools import cache
from typing import Any, cast

import certifi
import httpx
from msgspec import Struct, field
from msgspec.structs import replace

from core.domain.reasons import Reason
from core.step_type.failure import StepFailedError
from core.step_type.intent import Intent
from core.step_type.step_type import StepOutcome
from core.steps.http.address_guard import (
    AddressDeniedError,
    Lookup,
    check_url,
    look_up,
    resolve,
    url_intent,
)
from core.steps.http.response_body import ACCEPTED, BodyDamagedError, BodyDecoder, BodyTooLargeError

MAX_REDIRECTS = 10
CONNECT_SECONDS = 10.0
_PORTS = {"http": 80, "https": 443}
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_CREDENTIAL = re.compile(r"auth|cookie|token|secret|key|passw|credential|session", re.IGNORECASE)
"""Names of headers that may contain credentials: not forwarded to another origin."""
_ABOUT_BODY = frozenset({"content-type", "content-encoding", "content-language"})


class HopRefusedError(Exception):
    """Raised for a redirect that safety or a policy refuses; the outcome says why."""

    def __init__(self, outcome: StepOutcome) -> None:
        super().__init__(outcome.message)
        self.outcome = outcome


class Request(Struct, frozen=True, kw_only=True):
    """A request. `headers` have lower-case names; `content-type` describes `body`."""

    method: str
    url: httpx.URL
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    authorization: str | None = None


class ExchangeOptions(Struct, frozen=True, kw_only=True):
    """Limits and trust settings of an exchange."""

    max_bytes: int
    follow_redirects: bool = True
    tls: ssl.SSLContext | None = None
    """None: the certificate authorities of the system and of certifi."""
    recheck: Callable[[Intent], StepOutcome | None] = lambda _intent: None
    """Asked before a redirect is followed; a refusal ends the exchange."""
    allow_private: bool = True
    permitted: Sequence[str] = ()
    """Addresses and networks that are not denied."""
    lookup: Lookup = look_up


class Response(Struct, frozen=True, kw_only=True):
    """The final response. `headers` have lower-case names; repeated ones are joined by `, `."""

    status: int
    phrase: str
    headers: Mapping[str, str]
    body: bytes
    url: str
    hops: tuple[str, ...]
    """The URLs that redirected, in order."""


def parse_url(text: str, query: Mapping[str, Any] | None = None) -> httpx.URL:
    """Return an absolute http or https URL with `query` merged in; `ValueError` otherwise."""
    try:
        url = httpx.URL(text)
        if query:
            url = url.copy_merge_params(query)
    except (httpx.InvalidURL, UnicodeError) as error:
        raise ValueError(f"not a valid URL: {error}") from error
    check_url(str(url))
    return url


@cache
def trusted() -> ssl.SSLContext:
    """Return a context that trusts the certificate authorities of the system and of certifi."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


def trusting(pem: str) -> ssl.SSLContext:
    """Return a context that trusts only the authorities in `pem`; `ssl.SSLError` if invalid."""
    return ssl.create_default_context(cadata=pem)


@cache
def unverified() -> ssl.SSLContext:
    """Return a context that does not verify certificates."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def exchange(request: Request, options: ExchangeOptions) -> Response:
    """Send the request, follow redirects, and return the final response.

    Raises `AddressDeniedError`, `HopRefusedError` for a redirect that is not allowed, or
    `StepFailedError` for any other failure. Cancelling closes the connection.
    """
    hops: list[str] = []
    while True:
        async with _Hop(request, options) as hop:
            location = hop.response.headers.get("location")
            if not (
                options.follow_redirects and hop.response.status_code in _REDIRECTS and location
            ):
                body = await hop.read(options.max_bytes)
                return Response(
                    status=hop.response.status_code,
                    phrase=hop.response.reason_phrase,
                    headers=_headers(hop.response),
                    body=body,
                    url=str(request.url),
                    hops=tuple(hops),
                )
        hops.append(str(request.url))
        if len(hops) > MAX_REDIRECTS:
            raise StepFailedError(f"more than {MAX_REDIRECTS} redirects", "redirects")
        request = redirected(request, hop.response.status_code, location)
        refusal = options.recheck(url_intent(str(request.url), request.method))
        if refusal is not None:
            raise HopRefusedError(refusal)


def redirected(request: Request, status: int, location: str) -> Request:
    """Return the request to follow a redirect, without credentials if the origin changes."""
    try:
        url = request.url.join(location)
    except (httpx.InvalidURL, UnicodeError) as error:
        raise StepFailedError(f"redirected to an unusable URL: {error}", "redirects") from error
    if url.scheme not in _PORTS or not url.host:
        raise AddressDeniedError(
            f"{request.url.host} redirects to {url.scheme or 'no scheme'}: only http and https"
        )
    changed = replace(request, url=url.copy_with(username=None, password=None, fragment=None))
    if not _is_same_origin(request.url, url):
        kept = {name: v for name, v in request.headers.items() if not _CREDENTIAL.search(name)}
        changed = replace(changed, headers=kept, authorization=None)
    becomes_get = status == 303 and request.method != "HEAD"
    becomes_get = becomes_get or (status in {301, 302} and request.method == "POST")
    if becomes_get:
        kept = {name: v for name, v in changed.headers.items() if name not in _ABOUT_BODY}
        changed = replace(changed, method="GET", body=None, headers=kept)
    return changed


def _is_same_origin(one: httpx.URL, other: httpx.URL) -> bool:
    if one.host != other.host:
        return False
    upgraded = (_origin(one), _origin(other)) == (("http", 80), ("https", 443))
    return _origin(one) == _origin(other) or upgraded


def _origin(url: httpx.URL) -> tuple[str, int]:
    return url.scheme, _port(url)


def _port(url: httpx.URL) -> int:
    return url.port or _PORTS[url.scheme]


class _Hop:
    """One request and its response on one connection, closed at the end of the block."""

    response: httpx.Response

    def __init__(self, request: Request, options: ExchangeOptions) -> None:
        self._request, self._options = request, options
        self._transport: httpx.AsyncHTTPTransport | None = None

    async def __aenter__(self) -> "_Hop":
        url = self._request.url
        try:
            target = await resolve(
                url.raw_host.decode("ascii").strip("[]"),
                _port(url),
                allow_private=self._options.allow_private,
                permitted=self._options.permitted,
                lookup=self._options.lookup,
            )
        except (OSError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or error
            raise StepFailedError(f"{url.host}: {reason}", "resolve") from error
        tls = self._options.tls
        if url.scheme == "http":
            tls = unverified()  # nothing to verify, and loading authorities is slow
        elif tls is None:
            tls = await asyncio.to_thread(trusted)
        self._transport = httpx.AsyncHTTPTransport(
            verify=tls,
            trust_env=False,
            limits=httpx.Limits(max_connections=1, max_keepalive_connections=0),
        )
        try:
            await self._send(target.addresses)
        except BaseException:
            await self._transport.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.response.aclose()
        if self._transport is not None:
            await self._transport.aclose()

    async def _send(self, addresses: tuple[str, ...]) -> None:
        for address in addresses[:-1]:
            try:
                return await self._send_to(address)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue
        try:
            return await self._send_to(addresses[-1])
        except httpx.HTTPError as error:
            raise _failure(error, self._request.url) from error

    async def _send_to(self, address: str) -> None:
        """Connect to a checked address, with the requested name for Host and SNI."""
        request, transport = self._request, self._transport
        if transport is None:
            return
        headers = {"accept": "*/*", "user-agent": "missiondeck", **request.headers}
        headers |= {"accept-encoding": ACCEPTED, "connection": "close"}
        if request.authorization is not None:
            headers["authorization"] = request.authorization
        host = request.url.raw_host.decode("ascii").strip("[]")
        sent = httpx.Request(
            request.method,
            request.url.copy_with(host=address),
            headers={"host": request.url.netloc.decode("ascii"), **headers},
            content=request.body,
            extensions={
                "sni_hostname": host,
                "timeout": {"connect": CONNECT_SECONDS, "read": None, "write": None, "pool": None},
            },
        )
        self.response = await transport.handle_async_request(sent)
        self.response.request = sent

    async def read(self, limit: int) -> bytes:
        """Return the decoded body."""
        response = self.response
        try:
            decoder = BodyDecoder(response.headers.get("content-encoding", ""), limit)
            stream = cast("AsyncGenerator[bytes, None]", response.aiter_raw())
            async with aclosing(stream) as chunks:
                async for chunk in chunks:
                    decoder.feed(chunk)
            return decoder.finish()
        except BodyTooLargeError as error:
            raise StepFailedError(
                f"the response is larger than max_bytes ({limit})",
                "too_large",
                reason=Reason.OUTPUT_LIMIT,
                http_status=response.status_code,
            ) from error
        except BodyDamagedError as error:
            raise StepFailedError(
                str(error), "protocol", http_status=response.status_code
            ) from error
        except httpx.HTTPError as error:
            raise _failure(error, self._request.url) from error


def _failure(error: httpx.HTTPError, url: httpx.URL) -> StepFailedError:
    what = str(error) or type(error).__name__
    where = f"{url.host}:{_port(url)}"
    if isinstance(error, httpx.TimeoutException):
        return StepFailedError(f"{where}: timed out", "timeout", reason=Reason.TIMEOUT)
    causes = list(_causes(error))
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return StepFailedError(f"{where}: TLS: {what}", "tls")
    if not isinstance(error, httpx.ConnectError):
        return StepFailedError(f"{where}: {what}", "protocol")
    for cause in causes:  # anyio only says "all attempts failed"; the system error says why
        if isinstance(cause, OSError) and cause.strerror:
            what = os.strerror(cause.errno) if cause.errno else cause.strerror
    return StepFailedError(f"{where}: {what}", "connect")


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause = error.__cause__ or error.__context__
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


def _headers(response: httpx.Response) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in response.headers.multi_items():
        key = name.lower()
        headers[key] = f"{headers[key]}, {value}" if key in headers else value
    return headers
