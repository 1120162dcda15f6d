"""docs/tutorial.md: its files saved and its commands pasted, one after another."""

import re
import subprocess
from pathlib import Path

import pytest

from core.mission_file.load import load_mission
from tests.support.cli import SCRIPT, environment

PAGE = Path(__file__).parents[2] / "docs" / "tutorial.md"
_PART = re.compile(r"(?:Save this as `([\w.]+)`:\n\n)?```(yaml|sh)\n(.*?)```", re.DOTALL)


def parts() -> list[tuple[str, str, str]]:
    """Return the blocks of the page: the name of the file, `yaml` or `sh`, and the text."""
    return _PART.findall(PAGE.read_text(encoding="utf-8"))


def test_its_files_are_valid_without_a_warning() -> None:
    files = {name: text for name, kind, text in parts() if kind == "yaml"}
    assert list(files) == ["mission.yaml", "deploy.yaml", "ask.yaml"]
    for text in files.values():
        assert load_mission(text, fmt="yaml").diagnostics == ()


@pytest.mark.slow  # some twenty commands, each a process
def test_the_tutorial_works_when_it_is_followed(tmp_path: Path) -> None:
    lines = ["set -E", 'trap \'echo "$? $BASH_COMMAND" >> "$FAILED"\' ERR']
    for name, kind, text in parts():
        saved = f"cat > {name} <<'END OF FILE'\n{text}END OF FILE\n"
        lines.append(text if kind == "sh" else saved)
    env = environment(tmp_path / "unused", FAILED=str(tmp_path / "failed"))
    done = subprocess.run(
        ["bash"],
        input="\n".join(lines),
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**env, "PATH": f"{SCRIPT.parent}:{env['PATH']}"},
        timeout=120,
        check=False,
    )
    failed = [line for line in (tmp_path / "failed").read_text().splitlines()
              if "mission approve" not in line]  # fmt: skip
    assert failed == ["1 mission run"], done.stderr
    folder = tmp_path / "tutorial"
    assert (folder / "published.txt").read_text() == "release 2\n"
    assert (folder / "web2.txt").read_text() == "version 7 to web2\n"
    assert "3 copies" in done.stdout
    assert done.stdout.count("INTACT") == 2
    assert not (tmp_path / "unused").exists()
