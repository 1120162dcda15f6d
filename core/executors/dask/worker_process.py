"""A Dask worker with the plugin, as a process: what `mission worker` runs."""

import sys
from collections.abc import Sequence
from typing import Any

from distributed import Worker
from distributed.cli import dask_worker

from core.errors import UnavailableError, UsageError
from core.executors.dask.cluster_address import parse_cluster_address
from core.executors.dask.message import HANDLER
from core.executors.dask.worker_plugin import MissionPlugin

TAG_AMOUNT = 1_000_000
"""How much a worker has of a resource that stands for a tag: more than it has attempts."""


def run_worker(address: str, tags: Sequence[str], options: Sequence[str]) -> None:
    """Run `dask worker` with the plugin until it is stopped.

    `tags` are `NAME=VALUE`; `options` are those of `dask worker`. Raises `UsageError` for an
    address or a tag that is none, `UnavailableError` where there is no supervisor.
    """
    if sys.platform != "linux":
        raise UnavailableError("a worker needs Linux: its supervisor is the one of Linux")
    url = parse_cluster_address(address).url
    arguments = [*_with_tags(tags, list(options)), "--preload", __name__, url]
    main: Any = dask_worker.main
    main.main(args=arguments, prog_name="mission worker", standalone_mode=False)


async def dask_setup(worker: Worker) -> None:
    """Install the plugin; Dask calls this in every worker process (`--preload`)."""
    await worker.plugin_add(MissionPlugin(), name=HANDLER, catch_errors=False)


def _with_tags(tags: Sequence[str], options: list[str]) -> list[str]:
    """Return the options with tags as resources beside those that are given."""
    found = []
    for tag in tags:
        name, equals, value = tag.partition("=")
        if not (name and equals and value) or " " in tag or "," in tag:
            raise UsageError(f"--tag {tag!r} is not NAME=VALUE")
        found.append(f"{name}:{value}={TAG_AMOUNT}")
    if not found:
        return options
    for index, option in enumerate(options):
        if option == "--resources" and index + 1 < len(options):
            options[index + 1] = " ".join([options[index + 1], *found])
            return options
        if option.startswith("--resources="):
            options[index] = " ".join([option, *found])
            return options
    return ["--resources", " ".join(found), *options]
