"""Bad mission files of every kind: refused at once, with a place, an exit code and no traceback."""

import re
from pathlib import Path

import pytest

from tests.support.cli import Inside, mission

HEAD = 'version: "1.0"\nname: m\n'
STEP = "  - {id: a, name: A, step_type: noop}\n"

BAD: dict[str, tuple[str | bytes, str]] = {
    "cycle": (
        HEAD
        + "steps:\n"
        + "  - {id: a, name: A, step_type: noop, depends_on: [b]}\n"
        + "  - {id: b, name: B, step_type: noop, depends_on: [a]}\n",
        "CYCLE",
    ),
    "self-dependency": (
        HEAD + "steps:\n  - {id: a, name: A, step_type: noop, depends_on: [a]}\n",
        "SELF_DEPENDENCY",
    ),
    "missing dependency": (
        HEAD + "steps:\n  - {id: a, name: A, step_type: noop, depends_on: [z]}\n",
        "UNKNOWN_DEPENDENCY",
    ),
    "duplicate id": (HEAD + "steps:\n" + STEP * 2, "DUPLICATE_ID"),
    "duplicate key": (HEAD + "name: n\nsteps:\n" + STEP, "DUPLICATE_KEY"),
    "empty": ("", "EMPTY_FILE"),
    "unknown key": (HEAD + "stepz: []\nsteps:\n" + STEP, "UNKNOWN_KEY"),
    "unknown type": (HEAD + "steps:\n  - {id: a, name: A, step_type: nop}\n", "UNKNOWN_STEP_TYPE"),
    "wrong parameters": (
        HEAD + "steps:\n  - {id: a, name: A, step_type: log, parameters: {mesage: x}}\n",
        "UNKNOWN_PARAMETER",
    ),
    "negative timeout": (
        HEAD + "steps:\n  - {id: a, name: A, step_type: noop, timeout_seconds: -1}\n",
        "BAD_DURATION",
    ),
    "bad version": ('version: "9.0"\nname: m\nsteps:\n' + STEP, "UNSUPPORTED_VERSION"),
    "alias bomb": (
        HEAD
        + "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
        + "".join(
            f"{now}: &{now} [{', '.join([f'*{before}'] * 10)}]\n"
            for before, now in zip("abcdefgh", "bcdefghi", strict=True)
        )
        + "steps:\n"
        + STEP,
        "ALIAS_BOMB",
    ),
    "100,000 nested brackets": (HEAD + "steps: " + "[" * 100_000, "TOO_DEEP"),
    "binary": (b"\x7fELF\x00\x01\x02\x00" * 50, "BINARY"),
    "invalid UTF-8": (HEAD.encode() + b"description: \xff\xfe\nsteps: []\n", "ENCODING"),
    "tab": (HEAD + "steps:\n\t- id: a\n", "TAB"),
    "list at top level": ("- a\n- b\n", "NOT_A_MAPPING"),
    "secret value in the file": (
        HEAD + "variables: {api_token: ghp_0123456789abcdefghijABCDEFGHIJ012345}\nsteps:\n" + STEP,
        "SECRET_IN_FILE",
    ),
    "template to a step that is not upstream": (
        HEAD
        + "steps:\n"
        + STEP
        + "  - {id: b, name: B, step_type: log, parameters:"
        + ' {message: "{{ steps.a.output.x }}"}}\n',
        "NOT_UPSTREAM",
    ),
}


@pytest.fixture
def inside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Inside:
    monkeypatch.chdir(tmp_path)
    return Inside(tmp_path / "home", monkeypatch, capfd)


def content_of(kind: str) -> bytes:
    content = BAD[kind][0]
    return content if isinstance(content, bytes) else content.encode()


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_file_is_refused_with_a_positioned_message(
    kind: str, inside: Inside, tmp_path: Path
) -> None:
    code = BAD[kind][1]
    file = tmp_path / "bad.yaml"
    file.write_bytes(content_of(kind))
    ran = inside("validate", "bad.yaml")
    assert (ran.code, ran.err) == (3, "")
    assert re.search(rf"^bad\.yaml(:\d+:\d+)?: error\[{code}\]: .", ran.out, re.MULTILINE), ran.out
    assert "Traceback" not in ran.out
    found = inside("validate", "bad.yaml", "--json").json
    assert code in {one["code"] for one in found["diagnostics"]}
    assert inside("run", "bad.yaml").code == 3


def test_a_missing_file_is_not_found_and_a_folder_is_no_mission(
    inside: Inside, tmp_path: Path
) -> None:
    assert inside("validate", "nowhere.yaml").code == 4
    (tmp_path / "folder.yaml").mkdir()
    ran = inside("validate", "folder.yaml")
    assert ran.code == 3
    assert "folder.yaml: error[NOT_A_FILE]" in ran.out


def test_a_cycle_is_printed_as_its_path(inside: Inside, tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_bytes(content_of("cycle"))
    assert "a → b → a" in inside("validate", "bad.yaml").out


def test_nested_brackets_do_not_crash_the_process(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_bytes(content_of("100,000 nested brackets"))
    ran = mission(tmp_path, "validate", "bad.yaml", cwd=tmp_path)
    assert ran.code == 3
    assert ran.err == ""
