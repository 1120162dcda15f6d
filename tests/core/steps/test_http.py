import asyncio
import gzip
import ipaddress
import socket
import subprocess
import sys
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from core.domain.reasons import Reason
from core.domain.records import LogLevel
from core.domain.states import AttemptState
from core.step_type.failure import StepFailedError
from core.steps.http.address_guard import AddressDeniedError, denied_because, resolve
from core.steps.http.exchange import ExchangeOptions, Request, exchange, parse_url
from tests.support.http_server import HttpServer, Received, make_certificate, reply, send
from tests.support.step_run import StepRunner


@pytest.fixture
def steps(tmp_path: Path) -> StepRunner:
    return StepRunner(tmp_path)


@pytest.fixture
def server() -> Iterator[HttpServer]:
    with HttpServer() as running:
        yield running


# --- asking -------------------------------------------------------------------------------------


def test_a_get_returns_status_headers_text_and_data(steps: StepRunner, server: HttpServer) -> None:
    body = '{"name": "ü", "n": 1}'.encode()
    server.routes["/x"] = reply(200, body, {"Content-Type": "application/json", "X-A": "1"})
    output = steps.ok("http", url=server.url("/x?a=1"), query={"b": ["2", 3], "c": True, "d": None})
    assert output == {
        "status": 200,
        "headers": {"content-length": "22", "content-type": "application/json", "x-a": "1"},
        "response": body.decode(),
        "json": {"name": "ü", "n": 1},
        "url": server.url("/x?a=1&b=2&b=3&c=true"),
    }
    request = server.received[0]
    assert (request.method, request.target) == ("GET", "/x?a=1&b=2&b=3&c=true")
    assert request.headers["host"] == f"127.0.0.1:{server.port}"
    assert request.headers["accept-encoding"] == "gzip, deflate"
    assert steps.logs[0][0] is LogLevel.INFO
    assert "200 Phrase, 22 bytes" in steps.logs[0][1]


def test_json_and_text_bodies_are_sent_with_their_type(
    steps: StepRunner, server: HttpServer
) -> None:
    server.routes["/"] = reply(201)
    steps.ok("http", url=server.url(), method="post", json={"a": [1, None]})
    steps.ok("http", url=server.url(), method="PUT", body="ü", headers={"X-B": 5})
    steps.ok("http", url=server.url(), method="DELETE", json=None)
    first, second, third = server.received
    assert (first.method, first.body) == ("POST", b'{"a": [1, null]}')
    assert first.headers["content-type"] == "application/json"
    assert (second.method, second.body) == ("PUT", "ü".encode())
    assert second.headers["content-type"] == "text/plain; charset=utf-8"
    assert second.headers["x-b"] == "5"
    assert third.body == b"null"


def test_credentials_become_an_authorization_header(steps: StepRunner, server: HttpServer) -> None:
    server.routes["/"] = reply()
    steps.ok("http", url=server.url(), auth={"username": "üser", "password": "p:w"})
    steps.ok("http", url=server.url(), auth={"bearer": "token"})
    assert [request.headers["authorization"] for request in server.received] == [
        "Basic w7xzZXI6cDp3",
        "Bearer token",
    ]


@pytest.mark.parametrize(
    "parameters",
    [
        {"url": "file:///etc/passwd"},
        {"url": "ftp://example.org/"},
        {"url": "example.org"},
        {"url": "http://"},
        {"url": "http://user:pass@127.0.0.1/"},
        {"url": "http://[::1/"},
        {"url": "http://127.0.0.1:99999/"},
        {"url": "http://127.0.0.1/", "method": "CONNECT"},
        {"url": "http://127.0.0.1/", "method": "GET\r\nX: y"},
        {"url": "http://127.0.0.1/", "headers": {"X": "a\r\nY: b"}},
        {"url": "http://127.0.0.1/", "headers": {"X\r\nY": "a"}},
        {"url": "http://127.0.0.1/", "headers": {"X": "ü"}},
        {"url": "http://127.0.0.1/", "headers": {"X": "a", "x": "b"}},
        {"url": "http://127.0.0.1/", "headers": {"Host": "other"}},
        {"url": "http://127.0.0.1/", "headers": {"Content-Length": "5"}},
        {"url": "http://127.0.0.1/", "body": "a", "json": {}},
        {"url": "http://127.0.0.1/", "auth": {}},
        {"url": "http://127.0.0.1/", "auth": {"bearer": "a", "username": "b"}},
        {"url": "http://127.0.0.1/", "auth": {"bearer": "a\r\nX: y"}},
        {"url": "http://127.0.0.1/", "auth": {"password": "b"}},
        {"url": "http://127.0.0.1/", "auth": {"bearer": "a"}, "headers": {"Authorization": "b"}},
        {"url": "http://127.0.0.1/", "timeout": 0},
        {"url": "http://127.0.0.1/", "surprise": 1},
    ],
)
def test_what_cannot_be_asked_is_refused_before_anything_is_sent(
    steps: StepRunner, parameters: dict[str, Any]
) -> None:
    with pytest.raises(ValidationError):
        steps.run("http", **parameters)


def test_a_line_break_in_a_url_never_reaches_the_wire(
    steps: StepRunner, server: HttpServer
) -> None:
    server.routes["/"] = reply()
    for url in (server.url("/\r\nX-Evil: 1"), server.url("/ HTTP/1.1\r\nX-Evil: 1")):
        try:
            outcome = steps.run("http", url=url)
        except ValidationError:
            continue
        assert outcome.reason_code is not Reason.STEP_DONE
    for request in server.received:
        assert "x-evil" not in request.headers


# --- judging ------------------------------------------------------------------------------------


def test_an_error_status_fails_and_keeps_the_answer(steps: StepRunner, server: HttpServer) -> None:
    server.routes["/"] = reply(503, b"try  later\n")
    outcome = steps.run("http", url=server.url())
    assert outcome.reason_code is Reason.STEP_ERROR
    assert outcome.http_status == 503
    assert outcome.message == f"GET {server.url()}: 503 Phrase: try later"
    assert outcome.output["response"] == "try  later\n"


def test_what_counts_as_success_can_be_said(steps: StepRunner, server: HttpServer) -> None:
    server.routes["/"] = reply(404)
    assert steps.run("http", url=server.url(), expected_status=[200, 404]).http_status == 404
    assert steps.ok("http", url=server.url(), expected_status=404)["status"] == 404
    server.routes["/"] = reply(200)
    outcome = steps.run("http", url=server.url(), expected_status=404)
    assert outcome.state is AttemptState.FAILED


def test_text_is_decoded_by_its_charset_and_json_by_its_look(
    steps: StepRunner, server: HttpServer
) -> None:
    server.routes["/latin"] = reply(200, b"h\xe4", {"Content-Type": "text/plain; charset=latin-1"})
    server.routes["/odd"] = reply(200, b"h\xff", {"Content-Type": "text/plain; charset=klingon"})
    server.routes["/list"] = reply(200, b" [1]", {"Content-Type": "text/plain"})
    server.routes["/broken"] = reply(200, b"{", {"Content-Type": "application/problem+json"})
    assert steps.ok("http", url=server.url("/latin"))["response"] == "hä"
    assert steps.ok("http", url=server.url("/odd"))["response"] == "h�"
    assert steps.ok("http", url=server.url("/list"))["json"] == [1]
    assert steps.ok("http", url=server.url("/broken"))["json"] is None


# --- bodies -------------------------------------------------------------------------------------

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"


def test_a_chunked_body_is_put_together(steps: StepRunner, server: HttpServer) -> None:
    server.routes["/"] = send(CHUNKED + b"\r\n5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nT: 1\r\n\r\n")
    assert steps.ok("http", url=server.url())["response"] == "hello world"


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", gzip.compress(b"hello" * 1000)),
        ("deflate", zlib.compress(b"hello" * 1000)),
        ("deflate", zlib.compress(b"hello" * 1000, wbits=-15)),
        ("identity", b"hello" * 1000),
        ("GZIP", gzip.compress(b"hello" * 1000)),
    ],
)
def test_an_encoded_body_is_decoded(
    steps: StepRunner, server: HttpServer, encoding: str, body: bytes
) -> None:
    server.routes["/"] = reply(200, body, {"Content-Encoding": encoding})
    assert steps.ok("http", url=server.url())["response"] == "hello" * 1000


def test_a_head_of_an_encoded_body_is_empty(steps: StepRunner, server: HttpServer) -> None:
    server.routes["/"] = send(
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 100\r\n\r\n"
    )
    assert steps.ok("http", url=server.url(), method="HEAD")["response"] == ""


BOMB = gzip.compress(bytes(5_000_000))  # about 5 KB


@pytest.mark.parametrize(
    "answer",
    [
        reply(200, b"x" * 100_001),
        reply(200, BOMB, {"Content-Encoding": "gzip"}),
        reply(200, zlib.compress(bytes(5_000_000)), {"Content-Encoding": "deflate"}),
        send(CHUNKED + b"\r\n" + (b"8000\r\n" + b"x" * 0x8000 + b"\r\n") * 4),
        send(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n" + b"x" * 200_000),
    ],
    ids=["plain", "gzip bomb", "deflate bomb", "chunked without end", "long promise"],
)
def test_a_body_beyond_the_limit_is_cut_off(
    steps: StepRunner, server: HttpServer, answer: Any
) -> None:
    server.routes["/"] = answer
    outcome = steps.run("http", url=server.url(), max_bytes=20_000)
    assert outcome.reason_code is Reason.OUTPUT_LIMIT
    assert outcome.message == "the response is larger than max_bytes (20000)"


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", ""),
        (CHUNKED + b"\r\n5\r\nhel", ""),
        (b"nonsense\r\n\r\n", ""),
        (b"", "disconnected"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 50_000 + b"\r\n", ""),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 300_000 + b"\r\n\r\n", ""),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 1\r\n\r\nx", "'br' is not"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nxyz", "not gzip"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n"
            + gzip.compress(b"x" * 99, mtime=0)[:-9],
            "ends in the middle",
        ),
    ],
    ids=[
        "body cut short",
        "chunk cut short",
        "no status line",
        "nothing",
        "headers without end",
        "header without end",
        "unknown encoding",
        "not gzip",
        "gzip cut short",
    ],
)
def test_a_broken_answer_is_a_failure(
    steps: StepRunner, server: HttpServer, raw: bytes, words: str
) -> None:
    server.routes["/"] = send(raw)
    outcome = steps.run("http", url=server.url())
    assert outcome.reason_code is Reason.STEP_ERROR
    assert outcome.error is not None
    assert outcome.error.kind == "protocol"
    assert words in outcome.error.message


# --- time ---------------------------------------------------------------------------------------


def test_a_server_that_drips_or_is_silent_times_out_and_is_left(
    steps: StepRunner, server: HttpServer
) -> None:
    left = threading.Event()

    def drip(connection: socket.socket, _: Received) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        try:
            while not server.stop.wait(0.02):
                connection.sendall(b"X: y\r\n")
        except OSError:
            left.set()

    def silence(connection: socket.socket, _: Received) -> None:
        if connection.recv(1) == b"":
            left.set()

    for handler in (drip, silence):
        left.clear()
        server.routes["/"] = handler
        outcome = steps.run("http", url=server.url(), timeout="200ms")
        assert outcome.reason_code is Reason.TIMEOUT
        assert outcome.message == "no answer within 0.2 s"
        assert left.wait(5)


async def test_cancelling_closes_the_connection(steps: StepRunner, server: HttpServer) -> None:
    arrived, left = threading.Event(), threading.Event()

    def silence(connection: socket.socket, _: Received) -> None:
        arrived.set()
        if connection.recv(1) == b"":
            left.set()

    server.routes["/"] = silence
    task = asyncio.create_task(steps.arun("http", url=server.url()))
    assert await asyncio.to_thread(arrived.wait, 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(left.wait, 5)


def test_nobody_listening_is_a_failure(steps: StepRunner) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
        outcome = steps.run("http", url=f"http://{address}/")
    assert outcome.reason_code is Reason.STEP_ERROR
    assert outcome.message == f"{address}: Connection refused"
    assert outcome.error is not None
    assert outcome.error.kind == "connect"


def test_an_unknown_host_is_a_failure(steps: StepRunner) -> None:
    for host in ("nowhere.invalid", "a" * 70 + ".invalid", "..."):
        outcome = steps.run("http", url=f"http://{host}/")
        assert outcome.reason_code in {Reason.STEP_ERROR, Reason.INVALID_PARAMETERS}


# --- redirects ----------------------------------------------------------------------------------


def test_redirects_are_followed_as_the_standard_says(steps: StepRunner, server: HttpServer) -> None:
    server.routes["/end"] = reply(200, b"there")
    for status, method in ((301, "GET"), (302, "GET"), (303, "GET"), (307, "POST"), (308, "POST")):
        server.received.clear()
        server.routes["/start"] = reply(status, b"moved", {"Location": "./end#fragment"})
        output = steps.ok("http", url=server.url("/start"), method="POST", json={"a": 1})
        assert output["response"] == "there"
        assert output["url"] == server.url("/end")
        last = server.received[-1]
        assert last.method == method
        assert last.body == (b'{"a": 1}' if method == "POST" else b"")
        assert ("content-type" in last.headers) == (method == "POST")


def test_redirects_are_not_followed_when_told_so(steps: StepRunner, server: HttpServer) -> None:
    server.routes["/"] = reply(302, b"", {"Location": "/end"})
    output = steps.ok("http", url=server.url(), follow_redirects=False)
    assert (output["status"], output["headers"]["location"]) == (302, "/end")
    assert len(server.received) == 1


def test_redirects_without_end_are_a_failure(steps: StepRunner, server: HttpServer) -> None:
    server.routes["/"] = reply(302, b"", {"Location": "/"})
    outcome = steps.run("http", url=server.url())
    assert outcome.message == "more than 10 redirects"
    assert len(server.received) == 11


def test_credentials_stay_with_the_host_they_were_given_for(
    steps: StepRunner, server: HttpServer
) -> None:
    headers = {"Cookie": "c", "X-Api-Key": "k", "Private-Token": "t", "Accept": "text/x"}
    with HttpServer({"/": reply()}) as other:
        server.routes["/away"] = reply(307, b"", {"Location": other.url("/")})
        server.routes["/stay"] = reply(307, b"", {"Location": "/end"})
        server.routes["/end"] = reply()
        for path in ("/away", "/stay"):
            steps.ok("http", url=server.url(path), headers=headers, auth={"bearer": "secret"})
        away = other.received[0].headers
    assert not {"authorization", "cookie", "x-api-key", "private-token"} & set(away)
    assert away["accept"] == "text/x"
    stay = server.received[-1].headers
    assert (stay["authorization"], stay["cookie"], stay["x-api-key"]) == ("Bearer secret", "c", "k")


def test_credentials_in_a_redirect_are_dropped(steps: StepRunner, server: HttpServer) -> None:
    location = f"http://user:pass@127.0.0.1:{server.port}/end"
    server.routes["/"] = reply(302, b"", {"Location": location})
    server.routes["/end"] = reply()
    assert steps.ok("http", url=server.url())["url"] == server.url("/end")
    assert "authorization" not in server.received[-1].headers


@pytest.mark.parametrize(
    "location",
    [
        "http://169.254.169.254/latest/meta-data/",
        "//169.254.169.254/",
        "http://[fd00:ec2::254]/",
        "http://[::ffff:169.254.169.254]/",
        "http://[64:ff9b::a9fe:a9fe]/",
        "http://100.100.100.200/",
        "http://2852039166/",
        "http://0xa9.254.169.254/",
        "http://0.0.0.0/",
        "http://[fe80::1]/",
        "file:///etc/passwd",
        "gopher://127.0.0.1/",
    ],
)
def test_no_redirect_leads_to_a_denied_address(
    steps: StepRunner, server: HttpServer, location: str
) -> None:
    server.routes["/"] = reply(302, b"", {"Location": location})
    outcome = steps.run("http", url=server.url(), timeout=5)
    assert outcome.reason_code is Reason.SECURITY_VIOLATION, outcome.message
    if not location.startswith(("file", "gopher")):
        direct = location if location.startswith("http") else f"http:{location}"
        outcome = steps.run("http", url=direct, timeout=5)
        assert outcome.reason_code is Reason.SECURITY_VIOLATION


# --- addresses ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("10.0.0.1", True),
        ("192.168.1.1", True),
        ("fd12::1", True),
        ("93.184.216.34", True),
        ("2606:2800:220:1:248:1893:25c8:1946", True),
        ("169.254.0.1", False),
        ("fe80::1%eth0", False),
        ("2002:a9fe:a9fe::1", False),
        ("::169.254.169.254", False),
        ("168.63.129.16", False),
        ("224.0.0.1", False),
        ("ff02::1", False),
        ("255.255.255.255", False),
        ("240.0.0.1", False),
        ("0.1.2.3", False),
        ("::", False),
    ],
)
def test_addresses_are_allowed_or_denied_in_whatever_form(address: str, allowed: bool) -> None:
    assert (denied_because(ipaddress.ip_address(address)) is None) is allowed


def test_private_addresses_can_be_denied_too() -> None:
    for address in ("127.0.0.1", "10.1.2.3", "172.16.0.1", "::1", "fd12::1", "::ffff:10.0.0.1"):
        assert denied_because(ipaddress.ip_address(address), allow_private=False) is not None
    assert denied_because(ipaddress.ip_address("8.8.8.8"), allow_private=False) is None


async def test_one_denied_address_among_many_denies_the_host() -> None:
    async def lookup(host: str, port: int) -> list[str]:
        return ["127.0.0.1", "169.254.169.254"]

    with pytest.raises(AddressDeniedError, match=r"x.test \(169.254.169.254\) is a cloud metadata"):
        await resolve("x.test", 80, lookup=lookup)


async def test_what_the_settings_permit_is_connected_to_and_nothing_else() -> None:
    found = {"meta.test": ["169.254.169.254"], "link.test": ["169.254.0.1"], "six": ["fe80::1"]}

    async def lookup(host: str, port: int) -> list[str]:
        return found[host]

    permitted = ("169.254.169.254", "fe80::/10")
    target = await resolve("meta.test", 80, permitted=permitted, lookup=lookup)
    assert target.addresses == ("169.254.169.254",)
    assert (await resolve("six", 80, permitted=permitted, lookup=lookup)).addresses == ("fe80::1",)
    with pytest.raises(AddressDeniedError):
        await resolve("link.test", 80, permitted=permitted, lookup=lookup)
    found["meta.test"] = ["::ffff:169.254.169.254"]  # the same address in another notation
    with pytest.raises(AddressDeniedError):
        await resolve("meta.test", 80, permitted=permitted, lookup=lookup)


async def test_a_name_is_looked_up_once_and_connected_as_checked(server: HttpServer) -> None:
    asked = []

    async def rebinding(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["169.254.169.254"]

    server.routes["/"] = reply(200, b"here")
    options = ExchangeOptions(max_bytes=100, lookup=rebinding)
    url = f"http://rebind.test:{server.port}/"
    response = await exchange(Request(method="GET", url=parse_url(url)), options)
    assert (response.body, asked) == (b"here", ["rebind.test"])
    assert server.received[0].headers["host"] == f"rebind.test:{server.port}"
    with pytest.raises(AddressDeniedError):
        await exchange(Request(method="GET", url=parse_url(url)), options)


async def test_the_next_address_is_tried_when_one_is_dead(server: HttpServer) -> None:
    async def lookup(host: str, port: int) -> list[str]:
        return ["127.0.0.9", "127.0.0.1"]

    server.routes["/"] = reply(200, b"here")
    options = ExchangeOptions(max_bytes=100, lookup=lookup)
    request = Request(method="GET", url=parse_url(f"http://two.test:{server.port}/"))
    assert (await exchange(request, options)).body == b"here"


# --- TLS ----------------------------------------------------------------------------------------


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[HttpServer]:
    context, _ = make_certificate(tmp_path)
    with HttpServer({"/": reply(200, b"safe")}, tls=context) as running:
        yield running


def test_a_certificate_nobody_vouches_for_is_refused(steps: StepRunner, secure: HttpServer) -> None:
    outcome = steps.run("http", url=secure.url())
    assert outcome.reason_code is Reason.STEP_ERROR
    assert outcome.error is not None
    assert outcome.error.kind == "tls"
    assert "certificate" in outcome.error.message.lower()
    assert not secure.received


def test_a_named_authority_is_trusted_for_its_names_only(
    steps: StepRunner, secure: HttpServer
) -> None:
    for host in ("127.0.0.1", "localhost"):
        output = steps.ok("http", url=secure.url(host=host), verify="server.pem")
        assert output["response"] == "safe"
        assert secure.received[-1].headers["host"] == f"{host}:{secure.port}"
    (steps.working_dir / "junk.pem").write_text("junk")
    for file, reason in (
        ("junk.pem", Reason.STEP_ERROR),
        ("missing.pem", Reason.STEP_ERROR),
        ("/etc/hostname", Reason.SECURITY_VIOLATION),
    ):
        assert steps.run("http", url=secure.url(), verify=file).reason_code is reason


async def test_a_certificate_for_another_name_is_refused(
    secure: HttpServer, tmp_path: Path
) -> None:
    from core.steps.http.exchange import trusting

    async def lookup(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    tls = trusting((tmp_path / "server.pem").read_text())
    options = ExchangeOptions(max_bytes=100, tls=tls, lookup=lookup)
    request = Request(method="GET", url=parse_url(f"https://other.test:{secure.port}/"))
    with pytest.raises(StepFailedError, match=r"other\.test"):
        await exchange(request, options)


def test_checks_can_be_turned_off_with_a_warning(steps: StepRunner, secure: HttpServer) -> None:
    assert steps.ok("http", url=secure.url(), verify=False)["response"] == "safe"
    assert steps.logs[0] == (
        LogLevel.WARN,
        "the server's certificate is not verified (verify: false)",
    )


def test_credentials_do_not_follow_a_downgrade(
    steps: StepRunner, secure: HttpServer, server: HttpServer
) -> None:
    secure.routes["/"] = reply(302, b"", {"Location": server.url("/")})
    server.routes["/"] = reply()
    steps.ok("http", url=secure.url(), verify="server.pem", auth={"bearer": "secret"})
    assert "authorization" not in server.received[0].headers


# --- wait_for -----------------------------------------------------------------------------------


async def test_waiting_ends_when_the_file_is_there(steps: StepRunner, tmp_path: Path) -> None:
    waiting = asyncio.create_task(steps.arun("wait_for", file="x", interval="10ms", timeout=5))
    await asyncio.sleep(0.03)
    assert not waiting.done()
    (tmp_path / "x").touch()
    assert (await waiting).state is AttemptState.SUCCESS


async def test_waiting_ends_when_the_port_or_the_url_answers(steps: StepRunner) -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
    waiting = asyncio.create_task(steps.arun("wait_for", port=port, interval="10ms", timeout=5))
    await asyncio.sleep(0.03)
    assert not waiting.done()
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", port)
    assert (await waiting).state is AttemptState.SUCCESS
    server.close()
    await server.wait_closed()
    answers = iter([503, 500, 200])
    with HttpServer() as http:
        http.routes["/"] = lambda connection, request: reply(next(answers))(connection, request)
        outcome = await steps.arun("wait_for", url=http.url(), interval="10ms", timeout=5)
        assert outcome.state is AttemptState.SUCCESS
        assert len(http.received) == 3


def test_waiting_in_vain_times_out_and_says_what_it_saw(
    steps: StepRunner, server: HttpServer
) -> None:
    outcome = steps.run("wait_for", file="a/b", interval="10ms", timeout="50ms")
    assert outcome.reason_code is Reason.TIMEOUT
    assert outcome.message is not None
    assert outcome.message.startswith("a/b does not exist after 0.05 s (")
    server.routes["/"] = reply(503)
    outcome = steps.run("wait_for", url=server.url(), interval="10ms", timeout="300ms")
    assert outcome.message == f"{server.url()} does not answer after 0.3 s (status 503)"


@pytest.mark.parametrize(
    "parameters", [{"file": "../x"}, {"port": "169.254.169.254:80"}, {"url": "http://0.0.0.0/"}]
)
def test_waiting_refuses_what_other_steps_refuse(
    steps: StepRunner, parameters: dict[str, str]
) -> None:
    outcome = steps.run("wait_for", **parameters, timeout=2)
    assert outcome.reason_code is Reason.SECURITY_VIOLATION


@pytest.mark.parametrize(
    "parameters",
    [{}, {"file": "x", "port": 1}, {"port": 0}, {"port": "x:y"}, {"port": 70000}, {"url": "x"}],
)
def test_waiting_is_for_one_thing_that_makes_sense(
    steps: StepRunner, parameters: dict[str, Any]
) -> None:
    with pytest.raises(ValidationError):
        steps.run("wait_for", **parameters)


# --- the rest -----------------------------------------------------------------------------------


def test_plans_say_who_would_be_asked(steps: StepRunner) -> None:
    assert steps.describe("http", url="http://x/{{ a }}", method="post") == (
        "would send POST http://x/{{ a }}"
    )
    assert steps.describe("wait_for", port=80) == "would wait for port 80"


def test_validating_parameters_loads_no_http_library() -> None:
    program = (
        "import sys\n"
        "from core.step_type.registry import step_type\n"
        "step_type('http').parameters.model_validate({'url': 'http://x/'})\n"
        "step_type('wait_for').parameters.model_validate({'url': 'http://x/'})\n"
        "print([name for name in sys.modules if name in {'httpx', 'httpcore', 'anyio', 'certifi'}])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("[]\n", "")
