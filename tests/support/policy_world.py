"""A user with policies, and missions whose steps leave a mark when they run."""

import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

from core.domain.records import AuditEvent
from core.domain.states import TaskState
from core.ports.reader import Reader
from storage.read.reader import open_reader
from tests.support.cli import Ran, environment, mission
from tests.support.missions import mission_yaml
from tests.support.waiting import kill_and_wait, wait_until

FORBID = 'forbid(principal, action == Action::"{}", resource)'

_WITH_SYSTEM_FOLDER = """
import sys
from pathlib import Path
from tui.host import places
places.SYSTEM_FOLDER = Path(sys.argv.pop(1))
from tui.cli.main import entry
sys.exit(entry())
"""


class PolicyWorld:
    """The folder of a test: the home of a user in it, and below it the folder of the machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.system = folder / "etc" / "missiondeck"
        self.mark = folder / "mark"
        (self.home / "policy.d").mkdir(parents=True)
        (self.system / "policy.d").mkdir(parents=True)

    def policy(self, text: str, name: str = "x.cedar", *, system: bool = False) -> Path:
        """Write a policy file of the user, or of the machine, and return its path."""
        path = (self.system if system else self.home) / "policy.d" / name
        path.write_text(text)
        return path

    def forbid(self, action: str, condition: str = "true", rule: str = "no") -> None:
        """Forbid an action by a policy of the user."""
        self.policy(f'@id("{rule}") {FORBID.format(action)} when {{ {condition} }};')

    def touch(self, step: str = "touch", **fields: Any) -> dict[str, Any]:
        """Return a step that leaves the mark."""
        parameters = {"command": "touch", "args": [str(self.mark)]}
        return {"id": step, "step_type": "command", "parameters": parameters, **fields}

    def file(self, *steps: Mapping[str, Any], name: str = "m.yaml", **fields: Any) -> Path:
        """Write a mission file; without steps it has the one that leaves the mark."""
        path = self.folder / name
        path.write_text(mission_yaml(*map(dict, steps or (self.touch(),)), **fields))
        return path

    def __call__(self, *arguments: str | Path, **more: Any) -> Ran:
        """Run the command."""
        return mission(self.home, *map(str, arguments), **more)

    def on_machine(self, *arguments: str | Path) -> Ran:
        """Run the command with the settings and policies of the machine in a folder of the test."""
        done = subprocess.run(
            [sys.executable, "-c", _WITH_SYSTEM_FOLDER, self.system, *map(str, arguments)],
            capture_output=True,
            text=True,
            env=environment(self.home),
            stdin=subprocess.DEVNULL,
            timeout=60,
            check=False,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    def audit(self) -> list[AuditEvent]:
        """Return all events of the audit log."""
        with closing(open_reader(self.home / "missions.db")) as reader:
            return reader.audit_events()

    def events(self, kind: str) -> list[Any]:
        """Return the events of a type as `mission events` prints them."""
        return [one for one in self("events").ndjson if one["type"] == kind]

    def kill_runner(self, step: str) -> None:
        """Kill the runner of the newest execution once a step of it waits."""
        with closing(open_reader(self.home / "missions.db")) as reader:
            newest = reader.executions()[0].execution_id
            waits = partial(self._waits, reader, newest, step)
            wait_until(waits, f"{step} waits")
            lease = reader.lease(newest)
        assert lease is not None
        kill_and_wait(lease.identity.pid)

    @staticmethod
    def _waits(reader: Reader, execution_id: str, step: str) -> bool:
        tasks = {one.task_id: one.state for one in reader.task_runs(execution_id)}
        return tasks[step] is TaskState.WAITING


IS_ROOT = os.geteuid() == 0
"""Policies of the machine must belong to root: only root can write them in a test."""
