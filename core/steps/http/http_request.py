"""The step that makes an HTTP request."""

import asyncio
import json
import os
import re
from base64 import b64encode
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, model_validator

from core.domain.reasons import Reason
from core.domain.records import LogLevel
from core.domain.state_word import counted
from core.security.safety.finding import ADDRESS, violation
from core.step_type.failure import StepFailedError, os_failure
from core.step_type.intent import Intent
from core.step_type.json_text import JsonTextError, parse_json_text
from core.step_type.parameter_model import StepParameters
from core.step_type.parameter_text import scalar_text
from core.step_type.parameter_types import Printable, Seconds, Text
from core.step_type.step_type import Mode, StepCall, StepOutcome, StepType, clip
from core.steps.file.file_step import encoded, path_violation, read_bytes, shown, tree_of
from core.steps.file.place import PathRefusedError
from core.steps.http.address_guard import AddressDeniedError, check_url, url_intent

if TYPE_CHECKING:  # httpx takes 150 ms to load
    from ssl import SSLContext

    from core.steps.http.exchange import ExchangeOptions, Request, Response

DEFAULT_BYTES = 1024 * 1024
MAX_BYTES = 64 * 1024 * 1024
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY"})
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", re.ASCII)
_RESERVED_HEADERS = frozenset(
    {
        *("host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer"),
        *("accept-encoding", "proxy-authorization", "expect"),
    }
)
_CA_LIMIT_BYTES = 4 * 1024 * 1024
_SHOWN_BODY_CHARACTERS = 200


def parse_method(value: str) -> str:
    """Return the method in capitals; `ValueError` for one that is not supported."""
    method = value.strip().upper()
    if method not in _METHODS:
        raise ValueError(f"a method is one of {', '.join(sorted(_METHODS))}")
    return method


def parse_headers(value: dict[str, str]) -> dict[str, str]:
    """Return headers with lower-case names; `ValueError` for invalid or reserved ones."""
    headers = {}
    for name, text in value.items():
        if not _TOKEN.fullmatch(name):
            raise ValueError(f"{name!r} is not a valid header name")
        if name.lower() in _RESERVED_HEADERS:
            raise ValueError(f"the header {name} is set by the step itself")
        if name.lower() in headers:
            raise ValueError(f"the header {name} is given twice")
        if not text.isascii() or any(
            ord(character) < 32 and character != "\t" for character in text
        ):
            raise ValueError(
                f"the header {name} contains a line break, control or non-ASCII character"
            )
        headers[name.lower()] = text.strip()
    return headers


def parse_query(value: object) -> object:
    """Return query parameters as texts or lists of texts, without None and empty lists."""
    if not isinstance(value, dict):
        return value
    return {
        name: [scalar_text(part) for part in item] if isinstance(item, list) else scalar_text(item)
        for name, item in value.items()
        if item is not None and item != []
    }


def parse_statuses(value: object) -> object:
    """Return a single status as a list."""
    return [value] if isinstance(value, int) and not isinstance(value, bool) else value


class Auth(StepParameters):
    """Credentials: user name and password, or a bearer token."""

    username: Text | None = Field(default=None, description="for basic authentication")
    password: Text | None = Field(default=None, description="for basic authentication")
    bearer: Text | None = Field(default=None, description="a bearer token")

    @model_validator(mode="after")
    def _is_one_kind(self) -> Self:
        if (self.bearer is None) == (self.username is None):
            raise ValueError("auth is either username and password, or bearer")
        if self.username is None and self.password is not None:
            raise ValueError("a password needs a username")
        if self.username is not None and ":" in self.username:
            raise ValueError("a username must not contain a colon")
        for text in (self.username, self.password, self.bearer):
            if text is not None and any(ord(character) < 32 for character in text):
                raise ValueError("credentials must not contain line breaks or control characters")
        if self.bearer is not None and not self.bearer.isascii():
            raise ValueError("a bearer token must be ASCII")
        return self

    def header(self) -> str:
        """Return the value of the Authorization header."""
        if self.bearer is not None:
            return f"Bearer {self.bearer}"
        pair = f"{self.username}:{self.password or ''}"
        return f"Basic {b64encode(pair.encode()).decode('ascii')}"


class HttpParameters(StepParameters):
    """Parameters of http."""

    url: Annotated[Text, AfterValidator(check_url)] = Field(
        max_length=16_384, description="an http or https URL, without credentials"
    )
    method: Annotated[str, AfterValidator(parse_method)] = Field(
        default="GET", description="GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS or QUERY"
    )
    headers: Annotated[dict[str, Text], AfterValidator(parse_headers)] = Field(
        default_factory=dict, description="header names and values"
    )
    query: Annotated[dict[str, str | list[str]], BeforeValidator(parse_query)] = Field(
        default_factory=dict,
        description="parameters merged into the URL's query; a list repeats the parameter",
    )
    body: Printable | None = Field(default=None, description="a text to send")
    json_: Any = Field(default=None, alias="json", description="data to send as JSON")
    auth: Auth | None = Field(
        default=None, description="username and password, or bearer; not forwarded to other hosts"
    )
    expected_status: Annotated[list[int], BeforeValidator(parse_statuses)] | None = Field(
        default=None, description="the status codes that are success; default: 200 to 399"
    )
    follow_redirects: bool = Field(default=True, description="follow up to ten redirects")
    verify: bool | str = Field(
        default=True,
        description="whether to verify the server's certificate; a text names a file with the "
        "certificate authorities to trust",
    )
    timeout: Seconds = Field(default=60.0, gt=0, description="in total, including redirects")
    max_bytes: int = Field(
        default=DEFAULT_BYTES, ge=0, le=MAX_BYTES, description="fail when the body is larger"
    )

    @model_validator(mode="after")
    def _has_one_body(self) -> Self:
        if self.body is not None and "json_" in self.model_fields_set:
            raise ValueError("give either body or json, not both")
        if self.auth is not None and "authorization" in self.headers:
            raise ValueError("give either auth or the header Authorization, not both")
        return self


class HttpOutput(BaseModel):
    """Output of http, from the final response."""

    status: int = Field(description="the status code")
    headers: dict[str, str] = Field(description="the headers, names in lower case")
    response: str = Field(description="the body as text; undecodable bytes become U+FFFD")
    json_: Any = Field(alias="json", description="the body as data if it is JSON, otherwise null")
    url: str = Field(description="the URL of the response, after redirects")


class Http(StepType):
    """Makes one HTTP request.

    Link-local and cloud metadata addresses are refused as a security violation, also in redirects.
    Use the step's `retry.retry_on.http_status` to retry on certain status codes.
    """

    name: ClassVar[str] = "http"
    mode: ClassVar[Mode] = Mode.ASYNC
    parameters: ClassVar[type[StepParameters]] = HttpParameters
    output: ClassVar[type[BaseModel]] = HttpOutput
    summary: ClassVar[str] = "Make an HTTP request"

    async def run_async(self, call: StepCall) -> StepOutcome:
        """Send the request, follow redirects, read the body, check the status."""
        parameters: HttpParameters = call.parameters
        try:
            request, options = await asyncio.to_thread(_prepared, call)
            from core.steps.http.exchange import (  # loaded by now, in the thread
                HopRefusedError,
                exchange,
            )

            async with asyncio.timeout(parameters.timeout) as deadline:
                try:
                    response = await exchange(request, options)
                except HopRefusedError as error:
                    return error.outcome
        except TimeoutError as error:
            if not deadline.expired():
                return os_failure(error)
            message = f"no answer within {parameters.timeout:g} s"
            return StepOutcome.failure(Reason.TIMEOUT, message, "timeout")
        except AddressDeniedError as error:
            return violation(ADDRESS, str(error))
        except PathRefusedError as error:
            return path_violation(error)
        except StepFailedError as error:
            return error.outcome()
        except OSError as error:
            return os_failure(error)
        call.log(LogLevel.INFO, _summary(request.method, response))
        return _outcome(parameters, request.method, response)

    def describe(self, parameters: Mapping[str, Any]) -> str:
        """Describe the request."""
        method = shown(parameters.get("method", "GET")).upper()
        return clip(f"would send {method} {shown(parameters.get('url'))}")

    def intent(self, parameters: Mapping[str, Any]) -> Intent:
        """Name the host and what is asked of it."""
        method = str(parameters.get("method", "GET")).upper()
        return url_intent(str(parameters.get("url", "")), method)


def _prepared(call: StepCall) -> tuple["Request", "ExchangeOptions"]:
    """Build the request; runs in a thread, because importing httpx is slow."""
    from core.steps.http.exchange import ExchangeOptions, Request, parse_url

    parameters: HttpParameters = call.parameters
    try:
        url = parse_url(parameters.url, parameters.query)
    except ValueError as error:
        raise StepFailedError(str(error), "url", reason=Reason.INVALID_PARAMETERS) from error
    headers = dict(parameters.headers)
    body = None
    if "json_" in parameters.model_fields_set:
        body = json.dumps(parameters.json_, allow_nan=False).encode()
        headers.setdefault("content-type", "application/json")
    elif parameters.body is not None:
        body = encoded(parameters.body, "utf-8")
        headers.setdefault("content-type", "text/plain; charset=utf-8")
    request = Request(
        method=parameters.method,
        url=url,
        headers=headers,
        body=body,
        authorization=parameters.auth.header() if parameters.auth else None,
    )
    options = ExchangeOptions(
        max_bytes=parameters.max_bytes,
        follow_redirects=parameters.follow_redirects,
        tls=_tls(call, parameters.verify),
        recheck=call.recheck,
        permitted=call.permitted.addresses,
    )
    return request, options


def _tls(call: StepCall, verify: bool | str) -> "SSLContext | None":
    from core.steps.http.exchange import trusting, unverified

    if verify is True:
        return None
    if verify is False:
        call.log(LogLevel.WARN, "the server's certificate is not verified (verify: false)")
        return unverified()
    with tree_of(call) as tree, tree.place(verify) as place:
        path = place.path
        with os.fdopen(place.open_file(), "rb") as file:
            pem = read_bytes(file.fileno(), call, _CA_LIMIT_BYTES)
    try:
        return trusting(pem.decode("ascii"))
    except (ValueError, OSError) as error:
        raise StepFailedError(f"{path} contains no certificates: {error}", "tls") from error


def _summary(method: str, response: "Response") -> str:
    hops = f" after {counted(len(response.hops), 'redirect')}" if response.hops else ""
    size = counted(len(response.body), "byte")
    return f"{method} {response.url}: {response.status} {response.phrase}, {size}{hops}"


def _outcome(parameters: HttpParameters, method: str, response: "Response") -> StepOutcome:
    text = _text(response)
    output = {
        "status": response.status,
        "headers": dict(response.headers),
        "response": text,
        "json": _json(response, text),
        "url": response.url,
    }
    expected = parameters.expected_status
    fits = 200 <= response.status < 400 if expected is None else response.status in expected
    if fits:
        return StepOutcome.success(output, http_status=response.status)
    phrase = f"{response.status} {response.phrase}".strip()
    said = clip(" ".join(text.split()), _SHOWN_BODY_CHARACTERS)
    return StepOutcome.failure(
        Reason.STEP_ERROR,
        f"{method} {response.url}: {phrase}" + (f": {said}" if said else ""),
        "http_status",
        output=output,
        http_status=response.status,
    )


def _text(response: "Response") -> str:
    media = response.headers.get("content-type", "")
    found = re.search(r"charset=\"?([A-Za-z0-9._-]{1,40})", media)
    try:
        return response.body.decode(found[1] if found else "utf-8", "replace")
    except LookupError:
        return response.body.decode("utf-8", "replace")


def _json(response: "Response", text: str) -> Any:
    media = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not (media.endswith(("/json", "+json")) or text.lstrip()[:1] in {"{", "["}):
        return None
    try:
        return parse_json_text(text)
    except JsonTextError:
        return None
