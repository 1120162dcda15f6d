"""Scenarios in which a secret could leak, each searched for in all files and in all output."""

import json
import shutil
import signal
import time
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.support.cli import Inside, mission, start
from tests.support.missions import mission_yaml
from tests.support.stored_bytes import stored_bytes
from tests.whole.test_secrets_never_leak import ALL_OF_THEM, CANARY, FORMS, leaks, script, store

LINES = {"output": "lines"}
ON_ERRORS = f"{FORMS}\nos.write(2, b'\\n'.join(forms) + b'\\n')\nraise SystemExit(3)\n"
RAISES = "import os\nraise RuntimeError(os.environ['CANARY'])\n"
HANGS = f"{FORMS}\nos.write(2, b'\\n'.join(forms) + b'\\n')\nimport time\ntime.sleep(60)\n"
ON_TERM = f"""{FORMS}
import signal, time
def last(*_):
    os.write(1, b"last words " + raw + b"\\n")
    os._exit(1)
signal.signal(signal.SIGTERM, last)
open("ready", "w").close()
time.sleep(60)
"""
LEAVES = """
import os, subprocess, sys
code = "import time; time.sleep(30)"
subprocess.Popen([sys.executable, "-c", code, os.environ["CANARY"]], start_new_session=True,
                 stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
"""
BIG = f"""{FORMS}
for form in forms:
    for before in (65_530, 65_536 - len(form) // 2, 131_072 - 3):
        os.write(1, b"." * before + form + b"." * 70_000)
    os.write(1, b"\\n")
"""
MANY = f"{FORMS}\nfor _ in range(60_000):\n    os.write(1, b'x' * 150 + raw + b'\\n')\n"
BYTEWISE = """
import os
raw = os.environb[b"CANARY"]
for end in range(1, len(raw) + 1):
    os.write(1 + end % 2, raw[:end] + b"\\n") if end == len(raw) else None
for byte in raw:
    os.write(1, bytes([byte]))
    os.write(2, b".")
"""
AS_KEYS = """
import json, os
value = os.environ["CANARY"]
print(json.dumps({value: {value: [value]}, "n": [{"deep" + value: None}]}))
"""
TOOLS = """
set +e
env; export -p; printf '%s\\n' "$CANARY"; printf %q "$CANARY"; echo
set -x; : "$CANARY"; A="$CANARY"; set +x
declare -p CANARY; echo "${CANARY@Q}"; tr '\\0' '\\n' < /proc/self/environ
printf 'user:%s' "$CANARY" | base64; echo "$CANARY" | base64 -w 20 > /dev/null
true
"""


def later(step_id: str, kind: str, *needs: str, **parameters: Any) -> dict[str, Any]:
    """Return a step that names no secret, behind others."""
    more: dict[str, Any] = {
        key: parameters.pop(key) for key in ("when", "foreach") if key in parameters
    }
    given = {"id": step_id, "step_type": kind, "depends_on": list(needs), "parameters": parameters}
    return {**given, **more}


TEXT = script("text", ALL_OF_THEM)
PARTS = script("parts", ALL_OF_THEM, parameters=LINES)
OUT = "{{ steps.text.output.stdout }}"

SCENARIOS: dict[str, tuple[int, list[dict[str, Any]], dict[str, Any]]] = {
    "items of a fan-out": (0, [PARTS, later("each", "log", "parts", message="{{ item }}",
        foreach="{{ steps.parts.output.parsed }}")], {}),
    "a fan-out that prints it": (0, [script("each", ALL_OF_THEM, foreach=[1, 2, 3])], {}),
    "retries": (1, [script("again", ON_ERRORS,
        retry={"max_attempts": 3, "initial_interval": 0.01})], {}),
    "a condition": (0, [TEXT, later("skipped", "noop", "text",
        when="steps.text.output.stdout == 'x'")], {}),
    "a condition that fails": (1, [TEXT, later("bad", "noop", "text",
        when="steps.text.output.none.at.all == 3")], {}),
    "an assertion": (1, [TEXT, later("check", "assert", "text",
        that=["steps.text.output.stdout == ''"], message=OUT)], {}),
    "a failure with a message": (1, [TEXT, later("stop", "fail", "text", message=OUT)], {}),
    "an exception": (1, [script("raises", RAISES)], {}),
    "an error on standard error": (1, [script("bad", ON_ERRORS)], {}),
    "a timeout": (1, [script("hang", HANGS, timeout_seconds=1.5)], {}),
    "a deadline of the mission": (1, [script("hang", HANGS)], {"config": {"timeout_seconds": 2}}),
    "a process that is left": (0, [script("leave", LEAVES, leftovers="keep")], {}),
    "a process that is left and ended": (0, [script("leave", LEAVES)], {}),
    "longer than any piece": (0, [script("big", BIG)], {}),
    "more than is kept": (0, [script("many", MANY)], {}),
    "less than is kept of the result": (0, [script("cut", ALL_OF_THEM,
        parameters={"max_output_bytes": size}, id=f"cut{size}") for size in (9, 20, 40)], {}),
    "byte by byte on two streams": (0, [script("bytes", BYTEWISE)], {}),
    "keys of data": (0, [script("data", AS_KEYS, parameters={"output": "json"}), later(
        "keep", "set_variables", "data", values={"kept": "{{ steps.data.output.parsed }}"}), later(
        "tell", "log", "keep", message="{{ vars.kept }}")], {}),
    "data that does not parse": (1, [script("data", ALL_OF_THEM,
        parameters={"output": "json"})], {}),
    "what shells and tools print": (0, [script("tools", TOOLS, parameters={"shell": "bash"})], {}),
    "files of file steps": (0, [TEXT, later("write", "create_file", "text", path="made",
        content=OUT), later("read", "read_file", "write", path="made"), later(
        "find", "file_search", "write", path=".", pattern="*")], {}),
    "a file that holds it": (0, [TEXT, later("read", "read_file", "text", path="secret.txt"),
        later("parse", "parse_json", "read", content="{{ steps.read.output.content }}")], {}),
    "a schema": (1, [script("data", AS_KEYS, parameters={"output": "json"}), later("check",
        "validate_schema", "data", data="{{ steps.data.output.parsed }}",
        schema={"type": "array"})], {}),
    "a transformation": (0, [PARTS, later("join", "transform", "parts",
        expression="steps.parts.output.parsed | join('-') | upper"), later("tell", "log", "join",
        message="{{ steps.join.output }}")], {}),
    "variables of scripts": (0, [TEXT, later("keep", "set_variables", "text",
        values={"kept": OUT}), later("look", "script", "keep", script="env; echo $MISSION_VAR_KEPT"
        )], {}),
    "handlers of a failure": (1, [script("bad", ON_ERRORS)], {"handlers": {
        "on_failure": [script("undo", ALL_OF_THEM, name="u"), later("tell", "log",
            message="{{ failed }} {{ execution.message }}") | {"name": "t"}],
        "always": [script("last", RAISES, name="l")]}}),
    "a folder that is not there": (1, [TEXT, later("lost", "command", "text", command="true",
        ) | {"working_dir": OUT}], {}),
    "a program that is not there": (1, [TEXT, later("lost", "command", "text", command=OUT)], {}),
    "an address that is none": (1, [TEXT, later("call", "http", "text", url="http://{{"
        " steps.text.output.stdout }}/")], {}),
}  # fmt: skip


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prepared") / "home"
    store(folder)
    return folder


@pytest.fixture
def home(tmp_path: Path, prepared: Path) -> Path:
    shutil.copytree(prepared, tmp_path / "home")
    (tmp_path / "secret.txt").write_text(json.dumps({"a": CANARY}))
    return tmp_path / "home"


@pytest.fixture
def look(home: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Inside:
    return Inside(home, monkeypatch, capfd)


def write(home: Path, steps: list[dict[str, Any]], **fields: Any) -> str:
    """Write a mission that may read the canary; return its path."""
    file = home.parent / "mission.yaml"
    for step in steps:
        step.setdefault("name", step["id"])
    file.write_text(mission_yaml(*steps, **{"secrets": ["CANARY"], **fields}), "utf-8")
    return str(file)


def nothing_leaked(home: Path, look: Inside) -> None:
    """Search what every command says, and then all files of the home folder and of the backup."""
    tasks = [one["task_id"] for one in look("show", "@last", "--json").json["task_runs"]]
    asked = [["show", "@last", "--all"], ["show", "@last", "--result"], ["why", "@last"], ["ls"]]
    asked += [["ls", "--json"], ["logs", "@last"], ["logs", "@last", "--json"], ["db", "stats"]]
    asked += [["events", "@last"], ["watch", "--plain", "@last"], ["graph", "@last"]]
    asked += [["plan", str(home.parent / "mission.yaml")], ["audit", "verify"], ["doctor"]]
    asked += [["db", "backup", str(home / "copy.db")], ["secrets", "list"]]
    asked += [["audit", "show", "@last"], ["audit", "report", "@last", "--format", "html"]]
    asked += [["audit", "export", "@last", "-o", str(home / "bundle.zip")]]
    asked += [[command, "@last", task, *more] for task in tasks[:6]
              for command, *more in (["show"], ["show", "--json"], ["why"])]  # fmt: skip
    for arguments in asked:
        done = look(*arguments)
        assert "Traceback" not in done.err
        assert leaks((done.out + done.err).encode()) == [], arguments
        assert done.code not in (2, 70), (arguments, done.err)
    for path, data in stored_bytes(home).items():
        assert leaks(data) == [], path
    with zipfile.ZipFile(home / "bundle.zip") as bundle:  # whose members are compressed
        for name in bundle.namelist():
            assert leaks(bundle.read(name)) == [], name
    assert look("secrets", "scan").code == 0
    assert look("audit", "verify").code == 0


ALWAYS = frozenset(
    {
        "items of a fan-out",
        "retries",
        "a condition that fails",
        "an exception",
        "a timeout",
        "a process that is left",
        "more than is kept",
        "byte by byte on two streams",
        "keys of data",
        "what shells and tools print",
        "files of file steps",
        "handlers of a failure",
    }
)
"""The scenarios of the ordinary suite: one for each way that output takes."""


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name in ALWAYS else pytest.mark.slow) for name in SCENARIOS],
)
def test_a_secret_leaks_nowhere(name: str, home: Path, look: Inside) -> None:
    code, steps, fields = SCENARIOS[name]
    done = mission(home, "run", "--output", "live", write(home, steps, **fields))
    assert done.code == code, done.out + done.err
    assert leaks((done.out + done.err).encode()) == []
    nothing_leaked(home, look)


def test_a_cancelled_step_says_it_with_its_last_words(home: Path, look: Inside) -> None:
    child = start(home, "run", "--output", "live", write(home, [script("hold", ON_TERM)]))
    wait_for(home.parent / "ready")
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=30)
    assert child.returncode == 130, err
    assert leaks(out + err) == []
    assert "last words ***" in mission(home, "logs", "@last", "hold").out
    nothing_leaked(home, look)


def test_an_approval_asks_with_what_a_step_printed(home: Path, look: Inside) -> None:
    steps = [TEXT, later("ask", "approval", "text", prompt=OUT), script("go", ALL_OF_THEM)]
    steps[2]["depends_on"] = ["ask"]
    child = start(home, "run", "--output", "live", write(home, steps))
    end = time.monotonic() + 30
    while mission(home, "approve", "@last").code != 0:
        assert time.monotonic() < end, "nothing waits for an approval"
    out, err = child.communicate(timeout=30)
    assert child.returncode == 0, err
    assert leaks(out + err) == []
    nothing_leaked(home, look)


def test_a_detached_run_and_its_log(home: Path, look: Inside) -> None:
    assert mission(home, "run", "--detach", write(home, [script("bad", ON_ERRORS)])).code == 0
    watched = mission(home, "watch", "--plain", "@last")
    assert watched.code == 1
    assert leaks((watched.out + watched.err).encode()) == []
    nothing_leaked(home, look)


def test_a_sub_mission_that_fails(home: Path, look: Inside) -> None:
    child = mission_yaml(script("inner", ON_ERRORS), name="inner", secrets=["CANARY"])
    (home.parent / "child.yaml").write_text(child, "utf-8")
    sub = {"id": "sub", "step_type": "mission", "parameters": {"file": "child.yaml"}}
    tell = later("tell", "log", message="{{ failed }} {{ steps.sub.error }}") | {"name": "t"}
    file = write(home, [sub], handlers={"on_failure": [tell]})
    done = mission(home, "run", "--output", "live", file)
    assert done.code == 1
    assert leaks((done.out + done.err).encode()) == []
    assert leaks(mission(home, "logs", "@last", "--children").out.encode()) == []
    nothing_leaked(home, look)


class Hostile(BaseHTTPRequestHandler):
    """Answers with what it was sent, as an error, a redirect, or something that is no HTTP."""

    def do_GET(self) -> None:
        token = str(self.headers["authorization"])
        if self.path == "/redirect":
            self.send_response(302)
            self.send_header("location", f"/{token.encode().hex()}")
            self.end_headers()
        elif self.path == "/broken":
            self.wfile.write(f"{token}: {token}\r\n\r\n".encode())
        elif self.path == "/wrong":
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(token)))
            self.end_headers()
            self.wfile.write(token.encode())
        else:
            self.send_response(500, token)
            self.send_header("x-token", token)
            self.send_header("content-length", str(2 * len(token)))
            self.end_headers()
            self.wfile.write(2 * token.encode())

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def hostile() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Hostile) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("path", ["/error", "/redirect", "/broken", "/wrong"])
def test_a_server_sends_it_back(path: str, hostile: str, home: Path, look: Inside) -> None:
    given = {"url": hostile + path, "headers": {"Authorization": "Bearer {{ secrets.CANARY }}"}}
    call = {"id": "call", "step_type": "http", "secrets": ["CANARY"], "parameters": given}
    done = mission(home, "run", "--output", "live", write(home, [call]))
    assert done.code in (0, 1), done.err
    assert leaks((done.out + done.err).encode()) == []
    nothing_leaked(home, look)


def wait_for(path: Path) -> None:
    """Wait until a step has made a file."""
    end = time.monotonic() + 30
    while not path.exists():
        assert time.monotonic() < end, f"no {path.name} was made"
        time.sleep(0.02)


def test_a_secret_planted_in_the_database_its_journal_or_a_log_is_found(home: Path) -> None:
    import sqlite3

    assert mission(home, "run", write(home, [script("text", "pass")])).code == 0
    database = sqlite3.connect(home / "missions.db")
    database.execute("PRAGMA wal_autocheckpoint = 0")
    database.execute("CREATE TABLE planted (value BLOB)")
    database.execute("INSERT INTO planted VALUES (?)", (CANARY.encode().hex(),))
    database.commit()
    assert CANARY.encode().hex().encode() in (home / "missions.db-wal").read_bytes()
    found = mission(home, "secrets", "scan", "--json")
    assert found.code == 1
    assert {Path(one["path"]).name for one in found.json["found"]} == {"missions.db-wal"}
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    (home / "logs").mkdir(exist_ok=True)
    (home / "logs" / "runner-x.log").write_text(json.dumps({"error": CANARY}))
    found = mission(home, "secrets", "scan", "--json")
    names = {Path(one["path"]).name for one in found.json["found"]}
    assert names == {"missions.db", "runner-x.log"}
    assert leaks((found.out + found.err).encode()) == []


def test_a_retry_masks_what_a_step_that_is_not_run_again_left(home: Path, look: Inside) -> None:
    keep = script("keep", f"{FORMS}\nopen('kept', 'wb').write(b'\\n'.join(forms))\n")
    text = "cat kept; test -e again"
    tell = later("tell", "script", "keep", script=text)
    assert mission(home, "run", write(home, [keep, tell])).code == 1
    (home.parent / "again").touch()
    done = mission(home, "retry", "@last", "--reason", "again", "--watch")
    assert done.code == 0, done.out + done.err
    assert leaks((done.out + done.err).encode()) == []
    assert mission(home, "logs", "@last", "tell").out.count("***") >= 10
    nothing_leaked(home, look)


def test_a_step_that_began_before_a_secret_was_read_keeps_no_part_of_it(
    home: Path, look: Inside
) -> None:
    waits = """
import json, pathlib, sys, time
pathlib.Path("waiting").touch()
while not pathlib.Path("go").exists():
    time.sleep(0.01)
value = json.loads(pathlib.Path("secret.txt").read_text())["a"]
sys.stderr.write("y" * 50 + value + "y" * (4096 - 10) + "\\n")
raise SystemExit(3)
"""
    reads = """
import pathlib, time
while not pathlib.Path("waiting").exists():
    time.sleep(0.01)
pathlib.Path("go").touch()
"""
    early = later("early", "script", script=waits, shell="python")
    fields = {"config": {"parallel_limit": 2, "fail_fast": False}}
    assert mission(home, "run", write(home, [early, script("read", reads)], **fields)).code == 1
    shown = mission(home, "show", "@last", "--json", "early").json
    assert CANARY[-8:] not in shown["error"]["message"] + str(shown["error"]["stack_trace"])
    nothing_leaked(home, look)
