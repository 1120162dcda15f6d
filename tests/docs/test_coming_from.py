"""docs/coming-from.md: every port is valid, as short as its original, and runs to success."""

import re
import socket
from pathlib import Path

import pytest

from core.mission_file.load import load_mission
from tests.support.cli import Inside

PAGE = Path(__file__).parents[2] / "docs" / "coming-from.md"
_SECTION = re.compile(
    r"^## ([^\n]+)\n\n```\w+\n(.*?)```\n\n```yaml\n(version: .*?)```", re.MULTILINE | re.DOTALL
)
PORTS = {
    found[1]: (found[2], found[3]) for found in _SECTION.finditer(PAGE.read_text(encoding="utf-8"))
}


COMPILER = """#!/bin/sh
for last; do :; done
for file; do test ! -f "$file" || test "$file" = "$last" || cat "$file"; done >"$last"
"""
"""Writes what it is given into the file that is named last."""


def lines_of(text: str) -> int:
    return sum(bool(line.strip()) for line in text.splitlines())


def a_folder(folder: Path) -> None:
    """Make what the missions work on."""
    (folder / "data.csv").write_text("# a comment\na,1\nb,2\n")
    (folder / "orders.csv").write_text("one\ntwo\n")
    (folder / "VERSION").write_text("1.2\n")
    (folder / "src").mkdir()
    (folder / "src" / "app.py").write_text("print(1)\n")


def test_all_five_are_there() -> None:
    assert list(PORTS) == ["make", "GitHub Actions", "Airflow", "Dagu", "Compose"]


def test_the_parts_of_missions_are_valid() -> None:
    parts = re.findall(
        r"```yaml\n((?:steps:|name: s).*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL
    )
    assert len(parts) == 5
    for part in parts:
        name = "" if part.startswith("name:") else "name: part\n"
        loaded = load_mission(f'version: "1.0"\n{name}{part}', fmt="yaml")
        assert [str(one) for one in loaded.diagnostics] == []


def test_only_what_has_changed_is_compiled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (part,) = re.findall(
        r"```yaml\n(steps:\n  - id: sources.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL
    )
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mission.yaml").write_text(f'version: "1.0"\nname: app\n{part}')
    (tmp_path / "cc").write_text(COMPILER)
    (tmp_path / "cc").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    for name in ("include/app.h", "src/a.c", "src/b.c"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    look = Inside(tmp_path / "home", monkeypatch, capfd)

    def ran() -> set[str]:
        assert look("run", "-q").code == 0
        shown = look("show", "app", "--json").json["task_runs"]
        return {one["task_id"] for one in shown if one["reason_code"] == "EXIT_ZERO"}

    assert ran() == {"compile[0]", "compile[1]", "link"}
    (tmp_path / "src/b.c").write_text("changed")
    planned = look("plan").out
    assert "1 up to date\n  compile[1] src/b.c: would run: input src/b.c changed" in planned
    assert ran() == {"compile[1]", "link"}


@pytest.mark.parametrize("name", PORTS)
def test_a_port_is_valid_short_and_succeeds(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    original, port = PORTS[name]
    assert [str(one) for one in load_mission(port, fmt="yaml").diagnostics] == []
    assert lines_of(port) <= lines_of(original)
    a_folder(tmp_path)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "port.yaml").write_text(port)
    given: list[str] = []
    if "port:" in port:
        with socket.create_server(("127.0.0.1", 0)) as server:
            given = ["-p", f"port={server.getsockname()[1]}"]
    ran = Inside(tmp_path / "home", monkeypatch, capfd)("run", "port.yaml", "--json", *given)
    assert (ran.code, ran.json["overall_status"]) == (0, "Success"), ran.err
