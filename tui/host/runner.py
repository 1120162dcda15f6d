"""The runner: a process of its own that drives one execution, started by `spawn`.

Run as `python -P -m tui.host.runner STATUS_FD EXECUTION_ID [--assume-lost=CHOICE] [--launched]`,
the places in the environment. It writes one line to STATUS_FD: `ok` once it holds the lease and
runs, else an error as a JSON object.
"""

import contextlib
import gc
import json
import os
import sys
import traceback
from contextlib import closing
from pathlib import Path

from core.errors import BugError, MissionDeckError
from core.machine.event_loop import run_suspend_aware
from core.operations.executor.recorded_executor import recorded_executor
from core.operations.recorded_mission import stored_mission
from core.operations.snapshot import load_snapshot
from core.output.masker import Masker
from core.planning.recovery import AssumeLost
from core.runner.drive import drive
from core.runner.drive_plan import ArtifactPlace, Driven, DrivePlan
from core.runner.stop_signal import StopSignals
from tui.host.places import current_folder, find_paths
from tui.host.refusal import as_mission_error
from tui.host.session import protected_paths, shared_slots
from tui.host.settings import load_settings
from tui.host.site import LocalSite
from tui.host.version import VERSION


def main(arguments: list[str]) -> int:
    """Drive the execution named in `arguments` and return an exit code."""
    status, execution_id = int(arguments[0]), arguments[1]
    os.set_inheritable(status, False)
    masker = Masker()
    try:
        with StopSignals() as signals:
            run_suspend_aware(_main(status, execution_id, arguments[2:], signals, masker))
    except Exception as error:  # noqa: BLE001 - the last frame: whatever it is becomes words
        ours = as_mission_error(error)
        _tell_error(status, ours)
        with contextlib.suppress(OSError):  # a full disk behind the log
            if isinstance(ours, BugError):
                trace = "".join(traceback.format_exception(error))
                sys.stderr.write(masker.mask_text(trace))
            sys.stderr.write(masker.mask_text(f"error[{ours.code}]: {ours.message}\n"))
            sys.stderr.flush()
        return ours.exit_code
    return 0


async def _main(
    status: int, execution_id: str, options: list[str], signals: StopSignals, masker: Masker
) -> Driven:
    paths = find_paths(os.environ, database=os.environ.get("MISSION_DB"))
    settings = load_settings(
        environ=os.environ, cwd=current_folder(), user_file=paths.config, flags={"db": None}
    )
    limit = settings.parallel_limit
    site = LocalSite(paths=paths, environ=os.environ)
    gc.disable()  # a mission is millions of objects that all stay: collect once, after loading
    with closing(site.open_reader()) as reader:
        snapshot = load_snapshot(reader, execution_id)
        mission, _ = stored_mission(reader, snapshot.current)
        site = site.with_executor(recorded_executor(reader, snapshot.current))
    gc.enable()
    async with site.open_store() as store:
        return await drive(
            site,
            store,
            DrivePlan(
                mission=mission,
                snapshot=snapshot,
                working_dir=Path(snapshot.current.working_dir),
                actor=site.actor,
                environ=os.environ,
                version=VERSION,
                protected=protected_paths(paths),
                slots=shared_slots(paths, limit),
                data_folder=paths.db.parent,
                breaker=settings.breaker,
                artifacts=ArtifactPlace(folder=paths.artifacts, limits=settings.artifacts),
                assume_lost=next(
                    (one for one in AssumeLost if f"--assume-lost={one}" in options), None
                ),
                is_launched="--launched" in options,
                signals=signals,
                masker=masker,
                on_ready=lambda: _tell(status, "ok"),
            ),
        )


def _tell_error(status: int, error: MissionDeckError) -> None:
    fields = {"code": error.code, "message": error.message, "hint": error.hint}
    _tell(status, json.dumps({"exit_code": error.exit_code, **fields}))


def _tell(status: int, line: str) -> None:
    """Write the one status line, if nobody has yet; a parent that is gone does not matter."""
    try:
        os.write(status, line.encode() + b"\n")
        os.close(status)
    except OSError:
        return


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
