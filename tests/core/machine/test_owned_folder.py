"""Temporary folders of killed processes are removed, those of living ones and of others are not."""

import subprocess
import sys
from pathlib import Path

from core.machine.owned_folder import SCRIPT_PREFIX, make_owned_folder, remove_abandoned_folders

PROGRAM = """
import sys
from pathlib import Path
from core.machine.owned_folder import SCRIPT_PREFIX, make_owned_folder
print(make_owned_folder(SCRIPT_PREFIX, Path(sys.argv[1])), flush=True)
sys.stdin.read()
"""


def test_the_script_of_a_killed_runner_is_removed_and_that_of_a_living_one_is_not(
    tmp_path: Path,
) -> None:
    ours = make_owned_folder(SCRIPT_PREFIX, tmp_path)
    other = tmp_path / f"{SCRIPT_PREFIX}1-1-0123456789abcdef-of-another-boot"
    other.mkdir()
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", PROGRAM, str(tmp_path)]
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as runner:
        assert runner.stdout is not None
        left = Path(runner.stdout.readline().strip())
        (left / "step").write_text("echo")
        remove_abandoned_folders(SCRIPT_PREFIX, [tmp_path])
        assert left.exists()
        runner.kill()

    remove_abandoned_folders(SCRIPT_PREFIX, [tmp_path])

    assert sorted(tmp_path.iterdir()) == sorted([ours, other])
