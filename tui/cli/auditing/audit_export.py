"""`mission audit export`: evidence that others can verify, of one execution or of all old ones."""

from pathlib import Path

import click
from msgspec import to_builtins

from core.domain.state_word import counted
from core.errors import UsageError
from tui.cli.auditing.db_prune import retention_options, write_archive
from tui.cli.command import command as declare
from tui.cli.completion.completions import complete_execution
from tui.cli.invocation import Invocation
from tui.cli.records import open_records
from tui.cli.reference import find_execution
from tui.words.numbers import size
from tui.words.safe_text import safe_line


@declare("export", short_help="Write the evidence of executions to zip files.")
@click.argument("execution", metavar="[EXEC]", required=False, shell_complete=complete_execution)
@click.option(
    "-o",
    "--output",
    "target",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="The zip file to write; without it NAME-NUMBER.zip in the current folder.",
)
@click.option(
    "--no-artifacts",
    is_flag=True,
    help="List the artifacts with their digests, without content.",
)
@click.option(
    "--archive",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Write all that `mission db prune` would remove to DIR, a zip file for each execution.",
)
@retention_options
@click.option("--force", is_flag=True, help="Overwrite FILE if it exists.")
def command(
    invocation: Invocation,
    execution: str | None,
    target: Path | None,
    no_artifacts: bool,
    archive: Path | None,
    older_than: float | None,
    keep: int | None,
    force: bool,
) -> None:
    """Write the evidence of execution EXEC and its sub-missions to a zip file.

    With --archive DIR in place of EXEC, that of every execution which `mission db prune` would
    take by the same options, or by the setting `retention`; nothing is removed. Files that are
    there already are verified and stay.

    Anybody can verify it offline: `python3 verify.py` in the unpacked folder needs Python and
    openssl, and nothing of Mission Deck. The records are verified first, and the export is an event
    of the audit log.
    """
    from tui.cli.printing.verify_progress import VerifyProgress
    from tui.host.evidence.bundle_export import export_bundle, usual_file

    if (execution is None) == (archive is None):
        raise UsageError("name an execution, or a folder with --archive")
    if archive is not None:
        if target is not None or force or no_artifacts:
            raise UsageError("--output, --force and --no-artifacts are for one execution")
        write_archive(invocation, archive, older_than=older_than, keep=keep)
        return
    if older_than is not None or keep is not None:
        raise UsageError("--older-than and --keep belong to --archive")
    with open_records(invocation) as reader:
        found = find_execution(invocation, reader, execution or "")
        if target is None:
            target = Path(usual_file(found))
        with VerifyProgress() as progress:
            done = export_bundle(
                invocation.site,
                reader,
                found,
                target,
                overwrite=force,
                progress=progress.show,
                artifacts=not no_artifacts,
            )
    console = invocation.console
    if invocation.json:
        console.out_json(to_builtins(done))
        return
    console.out_raw(f"{safe_line(done.path)}\n")
    console.say(
        f"{counted(done.events, 'event')} of {counted(done.executions, 'execution')},"
        f" {size(done.bytes)}, SHA-256 {done.sha256}; `mission audit verify` or the verify.py in it"
        " verifies it"
    )
    if done.left_out:
        console.say(
            f"without the content of {counted(done.left_out, 'artifact')}:"
            " its artifacts.json says why"
        )
