"""`mission audit`: verification of the audit log, and evidence for others."""

import re
from pathlib import Path

import click
from msgspec import to_builtins

from core.audit.verify.verdict import Report, report_json
from core.domain.state_word import counted
from core.errors import AuditError, NotFoundError, UsageError
from tui.cli.command import DeckGroup, finish
from tui.cli.command import command as declare
from tui.cli.invocation import Invocation
from tui.cli.records import open_records
from tui.cli.reference import execution_argument, find_execution
from tui.output.verification_report import verdict_lines
from tui.words.numbers import size
from tui.words.safe_text import safe_line


@click.group("audit", cls=DeckGroup)
def command() -> None:
    """Verify the audit log, and export evidence that others can verify."""


@declare("verify", short_help="Verify the audit log and every record against it.")
@click.argument("bundle", required=False, type=click.Path(path_type=Path))
@click.option("--deep", is_flag=True, help="Verify every signature, not only the last one.")
@click.option(
    "--head",
    metavar="SIZE:HASH",
    help="A head that an earlier run printed: verify that the log continues from it.",
)
@click.option(
    "--witness",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="A witness file: verify that the log continues from every head of it there.",
)
@click.option(
    "--key",
    "keys",
    metavar="VKEY|FILE",
    multiple=True,
    help="Trust this public key, and not those of the key folder; may be repeated.",
)
@click.option(
    "--require",
    metavar="TIERS",
    default="",
    help="Required tiers, comma-separated: chain, signed, anchored, complete.",
)
def verify(
    invocation: Invocation,
    bundle: Path | None,
    deep: bool,
    head: str | None,
    witness: Path | None,
    keys: tuple[str, ...],
    require: str,
) -> None:
    """Verify the audit log: hashes, signatures, and every record, rebuilt from the events.

    With BUNDLE, verify a file of `mission audit export` instead, against the keys that are trusted.

    The exit code is 0 for INTACT and 8 for every other verdict. A truncation that also removed the
    signatures is only detected against a head stored elsewhere: pass it with --head or --witness.
    Nothing is written: the database of somebody else, or on a read-only medium, is verified with
    --db and --key.
    """
    if bundle is None:
        from tui.cli.auditing.log_verification import verify_log

        report = verify_log(
            invocation, deep=deep, head=head, witness=witness, keys=keys, require=require
        )
    elif deep or head is not None or witness is not None:
        raise UsageError("--deep, --head and --witness are for the log, not for a bundle")
    else:
        report = _verify_bundle(invocation, bundle, keys=keys, require=require)
    console = invocation.console
    if invocation.json:
        console.out_json(report_json(report))
    else:
        console.out_lines(list(verdict_lines(report, console.palette)))
    finish(0 if report.is_intact else AuditError.exit_code)


def _verify_bundle(
    invocation: Invocation, bundle: Path, *, keys: tuple[str, ...], require: str
) -> Report:
    from core.audit.bundle.bundle_check import verify_bundle
    from core.audit.verify.verify import parse_tiers
    from tui.cli.auditing.log_verification import trusted_keys

    if not bundle.exists():
        raise NotFoundError(f"there is no file {bundle}")
    return verify_bundle(bundle, trusted_keys(invocation.paths.keys, keys), parse_tiers(require))


@declare("export", short_help="Write the evidence of an execution to a zip file.")
@execution_argument
@click.option(
    "-o",
    "--output",
    "target",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="The zip file to write; without it NAME-NUMBER.zip in the current folder.",
)
@click.option("--force", is_flag=True, help="Overwrite FILE if it exists.")
def export(invocation: Invocation, execution: str, target: Path | None, force: bool) -> None:
    """Write the evidence of execution EXEC and its sub-missions to a zip file.

    Anybody can verify it offline: `python3 verify.py` in the unpacked folder needs Python and
    openssl, and nothing of Mission Deck. The records are verified first, and the export is an event
    of the audit log.
    """
    from tui.cli.auditing.bundle_export import export_bundle

    with open_records(invocation) as reader:
        found = find_execution(invocation, reader, execution)
        if target is None:
            name = re.sub(r"[^A-Za-z0-9_-]", "_", found.mission_name)[:100]
            target = Path(f"{name}-{found.run_number}.zip")
        done = export_bundle(invocation, reader, found, target, overwrite=force)
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


for _one in (verify, export):
    command.add_command(_one)
