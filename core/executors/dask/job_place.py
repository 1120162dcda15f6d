"""What a job from another machine finds on this one: its script, and its secrets as files.

Paths of the other machine are replaced in arguments and environment.
"""

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from msgspec.structs import replace

from core.executors.dask.sealed_job import SentJob
from core.machine.owned_folder import SCRIPT_PREFIX, make_owned_folder
from core.output.mask_pipe import MASK_VARIABLE
from core.ports.executor import Job

MAX_RESULT_BYTES = 1024 * 1024
"""One byte more is taken of a larger file, so that it is refused where it is read."""


@contextmanager
def job_here(sent: SentJob) -> Iterator[Job]:
    """Yield the job with paths of this machine, in a folder of its own that is removed again."""
    job = sent.job
    if job.file is None and job.private_folder is None and job.result_file is None:
        yield job
        return
    folder = make_owned_folder(SCRIPT_PREFIX, _memory_folder() if sent.private_files else None)
    try:
        moved: dict[str, str] = {}
        for name, content in sent.private_files.items():
            moved[f"{job.private_folder}/{name}"] = str(_written(folder / name, content))
        if job.private_folder is not None:
            moved[f"{job.private_folder}/{MASK_VARIABLE}"] = str(folder / MASK_VARIABLE)
        file = job.file
        if file is not None:
            path = str(folder / "script" / file.path.rpartition("/")[2])
            Path(path).parent.mkdir(mode=0o700)
            moved[file.path] = path
            file = replace(file, path=path)
        result = job.result_file
        if result is not None:
            moved[result] = str(folder / "result")
            result = moved[result]
        yield replace(
            job,
            result_file=result,
            file=file,
            argv=tuple(moved.get(word, word) for word in job.argv),
            env=_env_here(job, moved),
            private_folder=None,
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def result_of(job: Job) -> bytes | None:
    """Return what a process left in its `result_file`, None for nothing that can be taken."""
    if job.result_file is None:
        return None
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
    with suppress(OSError):
        descriptor = os.open(job.result_file, flags)
        with os.fdopen(descriptor, "rb") as file:
            if stat.S_ISREG(os.fstat(descriptor).st_mode):
                return file.read(MAX_RESULT_BYTES + 1)
    return None


def _env_here(job: Job, moved: dict[str, str]) -> dict[str, str]:
    """Return the environment with paths of this machine, without those that are nothing here."""
    there = None if job.private_folder is None else f"{job.private_folder}/"
    return {
        name: moved.get(value, value)
        for name, value in job.env.items()
        if value in moved or there is None or not value.startswith(there)
    }


def _written(path: Path, content: bytes) -> Path:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
        file.write(content)
    return path


def _memory_folder() -> Path | None:
    """Return a folder that is kept in memory, None where there is none."""
    folder = Path("/dev/shm")  # noqa: S108 - a private folder is made in it
    return folder if os.access(folder, os.W_OK | os.X_OK) else None
