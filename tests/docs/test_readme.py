"""The blocks of the README, pasted one after another."""

import re
import subprocess
from pathlib import Path

from tests.support.cli import SCRIPT, environment, mission

README = Path(__file__).parents[2] / "README.md"
_BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_OURS = re.compile(r"make |mission +#|export PATH=")
"""Lines that the test does for itself, or that open the screen."""


def test_the_blocks_of_the_readme_work_when_pasted_one_after_another(tmp_path: Path) -> None:
    lines = "".join(_BLOCK.findall(README.read_text("utf-8"))).splitlines()
    pasted = "\n".join(line for line in lines if not _OURS.match(line))
    failed = tmp_path / "failed"
    script = f"trap 'echo \"$? $BASH_COMMAND\" >> {failed}' ERR\n{pasted}\n"
    env = environment(tmp_path / "home")
    done = subprocess.run(
        ["bash"],
        input=script,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**env, "PATH": f"{SCRIPT.parent}:{env['PATH']}"},
        timeout=60,
        check=False,
    )
    assert failed.read_text().splitlines() == ["1 mission run release.yaml"], done.stderr
    mission(tmp_path / "home", "watch", "@last", cwd=tmp_path)
    assert (tmp_path / "first-mission" / "release.txt").read_text() == "pass\n"
    assert "tests.py" in done.stdout
    assert "INTACT" in done.stdout


def test_the_commands_that_the_readme_starts_with_are_there() -> None:
    first = _BLOCK.findall(README.read_text("utf-8"))[0]
    targets = re.findall(r"^make ([a-z-]+)", first, re.MULTILINE)
    makefile = (README.parent / "Makefile").read_text("utf-8")
    assert targets == ["run", "test"]
    for target in (*targets, "test-latest", "test-lowest", "test-pythons", "lock", "help"):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
