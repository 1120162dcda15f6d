"""`mission worker`."""

import click

from tui.cli.command import command as declare
from tui.cli.invocation import Invocation


@declare(
    "worker",
    context_settings={"ignore_unknown_options": True},
    short_help="Run processes of missions for others, as a Dask worker.",
)
@click.argument("address")
@click.option(
    "--tag",
    "tags",
    multiple=True,
    metavar="NAME=VALUE",
    help="A tag that `runs_on: {NAME: VALUE}` asks for; may be repeated.",
)
@click.argument("dask_options", nargs=-1, type=click.UNPROCESSED, metavar="[DASK OPTIONS]...")
def command(
    invocation: Invocation, address: str, tags: tuple[str, ...], dask_options: tuple[str, ...]
) -> None:
    """Run processes of missions for others, as a Dask worker, until it is stopped.

    ADDRESS is that of the scheduler: tls://HOST:8786, or tcp:// on this machine alone. All other
    options are those of `dask worker`: --nthreads is how many attempts run at once, --resources
    what `runs_on` asks for, --tls-ca-file, --tls-cert and --tls-key name certificates.

    Needs missiondeck[dask], in the same version as the runners have.
    """
    del invocation  # it needs no database
    from tui.host.executor_choice import require_dask

    require_dask()
    from core.executors.dask.worker_process import run_worker

    run_worker(address, tags, dask_options)
