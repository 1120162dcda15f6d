"""A secret that a real run prints in any form is in no file and in no output of a command."""

import json
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from core.output.masker import Masker, comparable
from tests.support.cli import Ran, mission
from tests.support.killed_runs import KilledRuns
from tests.support.missions import mission_yaml
from tests.support.stored_bytes import stored_bytes
from tui.cli.bug_report import write_bug_report
from tui.cli.invocation import Invocation

CANARY = "c4n'ary/$ecret+<value>&\"x\\y"
SIZES = (*range(1, 12), 65_536)
FORMS = """
import base64, html, json, os, shlex, sys
from urllib.parse import quote, quote_plus

text = os.environ["CANARY"]
raw = text.encode()
forms = [
    raw,
    base64.b64encode(raw),
    base64.b64encode(b"u" + raw + b"zz"),
    base64.b64encode(b"u:" + raw + b"z"),
    base64.urlsafe_b64encode(b"u:" + raw),
    raw.hex().encode(),
    raw.hex().upper().encode(),
    quote(text, safe="").encode(),
    quote_plus(text).encode(),
    json.dumps({"a": text}).encode(),
    shlex.quote(text).encode(),
    html.escape(text).encode(),
    repr(text).encode(),
    repr(raw).encode(),
]
"""
IN_PIECES = f"""{FORMS}
size = int(sys.argv[1])
for form in forms:
    data = b"a line before\\n" + form + b"\\n"
    if size > 11:
        data = b"." * (size - len(form) // 2) + form + b"\\n"
    for start in range(0, len(data), size):
        os.write(1, data[start : start + size])
        os.write(2, data[start : start + size])
"""
ALL_OF_THEM = f"{FORMS}\nos.write(1, b'\\n'.join(forms) + b'\\n')\n"
AS_JSON = """
import json, os
value = os.environ["CANARY"]
print(json.dumps({"plain": value, "list": [value + "!"], value: {"deep": [[value]]}}))
"""
UNEXPECTED = (
    "from pathlib import Path\nimport os\nPath(os.environ['CANARY'] + '/none').read_text()\n"
)


def leaks(data: bytes) -> list[bytes]:
    """Return the forms of the canary that are in the data."""
    masker = Masker({"CANARY": CANARY.encode()})
    alike = comparable(data)
    return [alike[start:end] for start, end, _ in masker.found(alike)]


def store(home: Path, name: str = "CANARY", value: str = CANARY) -> None:
    """Store a secret."""
    done = mission(home, "secrets", "set", name, input=f"{value}\n")
    assert done.code == 0, done.err


def run(home: Path, *steps: dict[str, Any], code: int = 0, **fields: Any) -> Ran:
    """Run a mission of these steps, which may read the canary."""
    file = home.parent / "mission.yaml"
    text = mission_yaml(*steps, **{"secrets": ["CANARY"], **fields})
    file.write_text(text, "utf-8")
    done = mission(home, "run", "--output", "live", str(file))
    assert done.code == code, done.out + done.err
    assert leaks((done.out + done.err).encode()) == []
    return done


def script(step_id: str, text: str, **fields: Any) -> dict[str, Any]:
    """Return a step that runs Python with the canary in its environment."""
    given = {"script": text, "shell": "python", **fields.pop("parameters", {})}
    named = {"id": step_id, "step_type": "script", "secrets": ["CANARY"], "parameters": given}
    return {**named, **fields}


def ended_attempts(home: Path) -> list[Any]:
    """Return the details of the ends of all attempts, as the audit log has them."""
    with closing(sqlite3.connect(home / "missions.db")) as database:
        rows = database.execute("SELECT body FROM event WHERE type = 'attempt.ended' ORDER BY seq")
        return [json.loads(row[0])["details"] for row in rows]


def nothing_leaked(home: Path) -> None:
    """Search all files of the home folder, and what every command that reads says."""
    files = stored_bytes(home)
    assert any(path.name == "missions.db" for path in files)
    for path, data in files.items():
        assert leaks(data) == [], path
    with closing(sqlite3.connect(home / "missions.db")) as database:
        tasks = [row[0] for row in database.execute("SELECT DISTINCT task_id FROM task_run")]
    asked = [["show", "@last"], ["show", "@last", "--json"], ["logs", "@last"], ["why", "@last"]]
    asked += [["ls", "--json"], ["logs", "@last", "--json"], ["events", "@last"]]
    asked += [["show", "@last", "--json", task] for task in tasks[:4]]
    for arguments in asked:
        done = mission(home, *arguments)
        assert leaks((done.out + done.err).encode()) == [], arguments
    scan = mission(home, "secrets", "scan")
    assert scan.code == 0, scan.out
    assert mission(home, "audit", "verify").code == 0


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    store(folder)
    return folder


def test_every_form_printed_in_pieces_of_every_size_is_masked(home: Path) -> None:
    (home.parent / "pieces.py").write_text(IN_PIECES)
    steps: list[dict[str, Any]] = [
        {
            "id": f"size{size}",
            "step_type": "command",
            "secrets": ["CANARY"],
            "parameters": {"command": "python3", "args": ["pieces.py", str(size)]},
        }
        for size in SIZES
    ]
    run(home, *steps, config={"parallel_limit": 3})
    nothing_leaked(home)
    counts = [one["redactions"]["CANARY"] for one in ended_attempts(home)]
    assert len(counts) == len(SIZES)
    assert min(counts) >= 2 * 14


def test_outputs_errors_handlers_and_later_steps_have_the_mask(home: Path) -> None:
    run(
        home,
        script("text", ALL_OF_THEM),
        script("lines", ALL_OF_THEM, parameters={"output": "lines"}),
        script("data", AS_JSON, parameters={"output": "json"}),
        script("cut", ALL_OF_THEM, parameters={"max_output_bytes": 20}),
        {
            "id": "later",
            "step_type": "log",
            "depends_on": ["text", "data"],
            "parameters": {
                "message": "{{ steps.text.output.stdout }} {{ steps.data.output.parsed }}"
            },
        },
        {
            "id": "keep",
            "step_type": "set_variables",
            "depends_on": ["lines"],
            "parameters": {"values": {"kept": "{{ steps.lines.output.parsed }}"}},
        },
        script("error", UNEXPECTED, depends_on=["cut"]),
        code=1,
        config={"fail_fast": False},
        handlers={
            "on_failure": [
                script("undo", ALL_OF_THEM, name="Undo"),
                {
                    "id": "tell",
                    "name": "Tell",
                    "step_type": "log",
                    "parameters": {"message": "{{ failed }} {{ execution.message }}"},
                },
            ]
        },
    )
    nothing_leaked(home)
    shown = mission(home, "show", "@last", "--json", "cut").out
    assert CANARY[:8] not in shown, "not even the beginning that a limit leaves"
    assert "***" in shown


def test_a_sub_mission_reads_a_secret_and_neither_shows_it(home: Path) -> None:
    child = mission_yaml(script("inner", ALL_OF_THEM), name="inner", secrets=["CANARY"])
    (home.parent / "child.yaml").write_text(child, "utf-8")
    inner = {"id": "sub", "step_type": "mission", "parameters": {"file": "child.yaml"}}
    tell = {
        "id": "tell",
        "step_type": "log",
        "depends_on": ["sub"],
        "parameters": {"message": "{{ steps.sub.output }}"},
    }
    run(home, inner, tell)
    nothing_leaked(home)


def test_a_secret_reaches_standard_input_and_the_environment_and_is_recorded_as_a_mask(
    home: Path,
) -> None:
    (home.parent / "expected").write_text(f"<{CANARY}>")
    step = {
        "id": "use",
        "step_type": "command",
        "secrets": ["CANARY"],
        "env": {"RENAMED": "<{{ secrets.CANARY }}>"},
        "parameters": {
            "command": "sh",
            "args": [
                "-c",
                'test "$(cat)" = "$(cat expected)" && test "$RENAMED" = "$(cat expected)"',
            ],
            "stdin": "<{{ secrets.CANARY }}>",
        },
    }
    run(home, step)
    nothing_leaked(home)
    shown = mission(home, "show", "@last", "--json", "use").json
    assert "<***>" in json.dumps(shown)


def test_a_secret_file_is_private_and_gone_after_the_attempt(home: Path) -> None:
    text = (
        'stat -c %a "$KEY_FILE"; stat -c %a "$(dirname "$KEY_FILE")"; echo "$KEY_FILE" > place\n'
        'cmp "$KEY_FILE" expected; test -z "${CANARY-}"\n'
    )
    (home.parent / "expected").write_text(CANARY)
    step = {
        "id": "use",
        "step_type": "script",
        "secret_files": {"KEY_FILE": "CANARY"},
        "parameters": {"script": text},
    }
    run(home, step)
    assert mission(home, "logs", "@last", "use").out.splitlines() == ["600", "700"]
    place = Path((home.parent / "place").read_text().strip())
    assert not place.exists()
    assert not place.parent.exists()
    nothing_leaked(home)


def test_a_step_that_does_not_name_a_secret_does_not_have_it(home: Path) -> None:
    text = 'echo "${CANARY-none} ${CI_TOKEN-none} ${OTHER-none}"'
    steps = [
        {"id": "with", "step_type": "script", "secrets": ["OTHER"],
         "parameters": {"script": 'test "$OTHER" = "a-value-of-ci"'}},
        {"id": "without", "step_type": "script", "parameters": {"script": text}},
    ]  # fmt: skip
    file = home.parent / "mission.yaml"
    secrets = ["CANARY", {"OTHER": "env:CI_TOKEN"}]
    file.write_text(mission_yaml(*steps, secrets=secrets), "utf-8")
    done = mission(home, "run", str(file), env={"CI_TOKEN": "a-value-of-ci"})
    assert done.code == 0, done.out + done.err
    assert mission(home, "logs", "@last", "without").out == "none none none\n"


def test_a_sub_mission_does_not_inherit_a_variable_that_holds_a_secret(home: Path) -> None:
    text = 'echo "${CI_TOKEN-none}"'
    inner = {"id": "look", "step_type": "script", "parameters": {"script": text}}
    (home.parent / "child.yaml").write_text(mission_yaml(inner, name="inner"), "utf-8")
    steps = [
        {"id": "sub", "step_type": "mission", "parameters": {"file": "child.yaml"}},
        {"id": "use", "step_type": "script", "secrets": ["T"], "parameters": {"script": "true"}},
    ]
    file = home.parent / "mission.yaml"
    file.write_text(mission_yaml(*steps, secrets=[{"T": "env:CI_TOKEN"}]), "utf-8")
    done = mission(home, "run", "--output", "live", str(file), env={"CI_TOKEN": "a-value-of-ci"})
    assert done.code == 0, done.out + done.err
    assert mission(home, "logs", "inner", "look").out == "none\n"


def test_a_sub_mission_whose_secret_is_missing_fails_its_step_in_words(home: Path) -> None:
    child = mission_yaml(script("inner", "pass", secrets=["GONE"]), name="inner", secrets=["GONE"])
    (home.parent / "child.yaml").write_text(child, "utf-8")
    sub = {"id": "sub", "step_type": "mission", "parameters": {"file": "child.yaml"}}
    done = run(home, sub, code=1)
    assert "GONE" in done.out + done.err
    assert [one["mission_name"] for one in mission(home, "ls", "--json").json] == ["a mission"]


def test_a_value_that_is_too_short_to_be_masked_is_told_in_the_log(home: Path) -> None:
    assert mission(home, "secrets", "set", "--unmaskable", "PIN", input="1234\n").code == 0
    step = script("use", "import os; print(len(os.environ['PIN']))", secrets=["PIN"])
    run(home, step, secrets=["PIN"])
    assert "PIN is too short to be masked" in mission(home, "logs", "@last", "use").out
    run(home, step, secrets=[{"PIN": "cmd:echo 1234"}], code=1)


def test_events_and_show_say_what_was_read_and_masked_and_what_is_not_masked(home: Path) -> None:
    assert mission(home, "secrets", "set", "--unmaskable", "PIN", input="1234\n").code == 0
    step = script("use", ALL_OF_THEM, secrets=["CANARY", "PIN"])
    run(home, step, secrets=["CANARY", "PIN"])
    events = mission(home, "events", "@last").ndjson
    (read,) = [one for one in events if one["type"] == "secret.read"]
    assert (read["secrets"], read["unmasked"]) == (["CANARY", "PIN"], ["PIN"])
    (ended,) = [one for one in events if one["type"] == "attempt.ended"]
    count = ended["redactions"]["CANARY"]
    assert count >= 14
    shown = mission(home, "show", "@last", "use").out
    assert f"secrets: read CANARY, PIN (not masked); masked CANARY {count} times" in shown
    (attempt,) = mission(home, "show", "@last", "use", "--json").json["attempts"]
    assert attempt["secrets"] == {
        "read": ["CANARY", "PIN"], "unmasked": ["PIN"], "redactions": {"CANARY": count}
    }  # fmt: skip


def test_values_come_from_files_and_commands_too(home: Path) -> None:
    (home.parent / "token.txt").write_text("value-of-a-file\n")
    step = {
        "id": "use",
        "step_type": "script",
        "secrets": ["A", "B"],
        "parameters": {"script": 'echo "$A $B"; test "$A$B" = value-of-a-filevalue-of-a-command'},
    }
    secrets = [{"A": "file:token.txt"}, {"B": "cmd:printf value-of-a-%s command"}]
    run(home, step, secrets=secrets)
    assert mission(home, "logs", "@last", "use").out == "*** ***\n"


def test_a_value_that_a_step_makes_is_masked_from_then_on(home: Path) -> None:
    text = 'T=minted-$((40 + 2))-value\necho "mask:$T" > "$MISSION_MASK"\necho "it is $T"\n'
    step = {
        "id": "mint", "step_type": "script", "secrets": ["CANARY"], "parameters": {"script": text}
    }  # fmt: skip
    later = {
        "id": "later",
        "step_type": "script",
        "depends_on": ["mint"],
        "parameters": {"script": "echo minted-$((40 + 2))-value"},
    }
    run(home, step, later)
    assert mission(home, "logs", "@last", "mint").out == "it is ***\n"
    assert mission(home, "logs", "@last", "later").out == "***\n"
    assert ended_attempts(home)[0]["redactions"]["minted"] >= 1


def test_all_missing_secrets_are_told_before_anything_starts(home: Path) -> None:
    step = {"id": "use", "step_type": "noop"}
    asked = {
        "id": "ask",
        "step_type": "script",
        "secrets": ["GONE", "LOST", "CANARY"],
        "parameters": {"script": "touch ran"},
    }
    secrets = ["CANARY", "GONE", {"LOST": "env:NOT_THERE"}, "UNUSED"]
    done = run(home, step, asked, secrets=secrets, code=4)
    assert "`GONE`, `LOST`" in done.err
    assert "UNUSED" not in done.err
    assert "mission secrets set GONE" in done.err
    assert mission(home, "ls", "--json").json == []
    detached = mission(home, "run", "--detach", str(home.parent / "mission.yaml"))
    assert detached.code == 4
    assert mission(home, "ls", "--json").json == []


def test_a_retry_is_refused_when_a_secret_was_forgotten_meanwhile(home: Path) -> None:
    run(home, script("bad", "raise SystemExit(3)"), code=1)
    assert mission(home, "secrets", "rm", "CANARY").code == 0
    done = mission(home, "retry", "@last", "--reason", "again")
    assert done.code == 4
    assert "CANARY" in done.err


def test_a_command_that_gives_no_value_fails_the_attempt_in_words(home: Path) -> None:
    step = {"id": "use", "step_type": "script", "secrets": ["A"], "parameters": {"script": "true"}}
    done = run(home, step, secrets=[{"A": "cmd:sh -c 'echo leaked-by-a-command; exit 3'"}], code=1)
    assert "the command that gives the secret A ended with 3" in done.out + done.err


def test_a_planted_secret_is_found_by_scan(home: Path) -> None:
    (home / "planted").write_bytes(b"x" * 70_000 + CANARY.encode().hex().encode())
    scan = mission(home, "secrets", "scan")
    assert scan.code == 1
    assert "CANARY" in scan.out


def test_a_runner_killed_while_a_step_holds_a_secret_leaves_it_in_no_file(tmp_path: Path) -> None:
    runs = KilledRuns(tmp_path, seed=7)
    store(runs.home)
    text = (
        'import os, time\nos.write(1, os.environ["CANARY"].encode() + b"\\n")\n'
        'open("place", "w").write(os.environ["KEY"])\n'
        'time.sleep(0 if os.path.exists("again") else 60)\n'
    )
    step = script("hold", text, secret_files={"KEY": "CANARY"}, env={"STORM": runs.token})
    (tmp_path / "hold.yaml").write_text(mission_yaml(step, secrets=["CANARY"]), "utf-8")
    try:
        execution_id = runs.launch("hold.yaml")
        end = time.monotonic() + 30
        while not (tmp_path / "place").exists() or not (tmp_path / "place").read_text():
            assert time.monotonic() < end, "the step did not start"
            time.sleep(0.05)
        first = Path((tmp_path / "place").read_text())
        assert runs.kill(execution_id)
        nothing_leaked(runs.home)
        (tmp_path / "again").touch()
        runs.resume(execution_id)
        while not runs.has_ended(execution_id):
            assert time.monotonic() < end + 30, "the resumed run did not end"
            time.sleep(0.05)
        assert not first.parent.exists(), "the next run removes what the killed one left"
        nothing_leaked(runs.home)
        assert mission(runs.home, "logs", execution_id, "hold").out.splitlines()[-1] == "***"
    finally:
        runs.stop()


def test_a_report_of_a_bug_is_masked(tmp_path: Path) -> None:
    environ = {"MISSION_HOME": str(tmp_path)}
    invocation = Invocation(environ=environ, cwd=tmp_path)
    invocation.masker.add("CANARY", CANARY.encode())
    path = write_bug_report(RuntimeError(f"unexpected {CANARY!r}"), invocation, ["run", "m.yaml"])
    assert path is not None
    written = Path(path).read_bytes()
    assert b"unexpected" in written
    assert leaks(written) == []


class Echo(BaseHTTPRequestHandler):
    """Answers with the request's own headers and body."""

    seen: list[tuple[str | None, bytes]] = []  # noqa: RUF012 - one for all requests

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        token = self.headers["authorization"]
        self.seen.append((token, body))
        answer = json.dumps({"token": token, "body": body.decode()}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("x-token", str(token))
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def echo() -> Iterator[str]:
    Echo.seen.clear()
    with HTTPServer(("127.0.0.1", 0), Echo) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


def test_a_secret_reaches_a_header_and_a_body_and_its_echo_is_masked(home: Path, echo: str) -> None:
    step = {
        "id": "post",
        "step_type": "http",
        "secrets": ["CANARY"],
        "parameters": {
            "url": echo,
            "method": "POST",
            "headers": {"Authorization": "Bearer {{ secrets.CANARY }}"},
            "json": {"key": "{{ secrets.CANARY }}"},
        },
    }
    run(home, step)
    ((token, body),) = Echo.seen
    assert token == f"Bearer {CANARY}"
    assert json.loads(body) == {"key": CANARY}
    nothing_leaked(home)


MINTING = """
import os
pipe = os.open(os.environ["MISSION_MASK"], os.O_WRONLY)
for number in range(60):
    value = b"minted-%d-%s" % (number, os.urandom(9).hex().encode())
    line = b"mask:" + value + (b"" if number == 59 else b"\\n")
    os.write(pipe, line)
    os.write(1, b"<" + value + b">\\n")
    os.write(2, value[:9])
    os.write(2, value[9:] + b"\\n")
    with open("minted", "ab") as kept:
        kept.write(value + b"\\n")
"""


def test_a_value_is_masked_that_is_named_and_printed_at_once(home: Path) -> None:
    run(home, script("mint", MINTING))
    minted = (home.parent / "minted").read_bytes().split()
    assert len(minted) == 60
    out = mission(home, "logs", "@last", "mint").out.encode()
    for path, data in stored_bytes(home).items():
        assert [value for value in minted if value in data] == [], path
    assert out.count(b"***") == 120
    assert [value for value in minted if value in out] == []
