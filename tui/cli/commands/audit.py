"""`mission audit`: verification of the audit log."""

import click

from core.audit.verify.verdict import Report, report_json
from core.errors import AuditError, NotFoundError
from tui.cli.command import DeckGroup, finish
from tui.cli.command import command as declare
from tui.cli.invocation import Invocation
from tui.output.verification_report import verdict_lines


@click.group("audit", cls=DeckGroup)
def command() -> None:
    """Verify the audit log."""


@declare("verify", short_help="Verify the audit log and every record against it.")
@click.option("--deep", is_flag=True, help="Verify every signature, not only the last one.")
@click.option(
    "--head",
    metavar="SIZE:HASH",
    help="A head that an earlier run printed: verify that the log continues from it.",
)
@click.option(
    "--require",
    metavar="TIERS",
    default="",
    help="Required tiers, comma-separated: chain, signed, anchored, complete.",
)
def verify(invocation: Invocation, deep: bool, head: str | None, require: str) -> None:
    """Verify the audit log: hashes, signatures, and every record, rebuilt from the events.

    The exit code is 0 for INTACT and 8 for every other verdict. A truncation that also removed the
    signatures is only detected against a head stored elsewhere: pass it with --head.
    """
    report = _verify(invocation, deep=deep, head=head, require=require)
    console = invocation.console
    if invocation.json:
        console.out_json(report_json(report))
    else:
        console.out_lines(list(verdict_lines(report, console.palette)))
    finish(0 if report.is_intact else AuditError.exit_code)


def _verify(invocation: Invocation, *, deep: bool, head: str | None, require: str) -> Report:
    from core.audit.verify.verify import VerifyOptions, parse_head, parse_tiers
    from core.audit.verify.verify import verify as verify_log
    from storage.file.keystore import public_keys
    from storage.read.audit_source import SqliteChainSource

    options = VerifyOptions(
        deep=deep,
        head=None if head is None else parse_head(head),
        require=parse_tiers(require),
    )
    paths = invocation.paths
    if not paths.has_database:
        raise NotFoundError(f"there is no database {paths.db} to verify")
    source = SqliteChainSource(paths.db, [key.vkey for key in public_keys(paths.keys)])
    try:
        return verify_log(source, options)
    finally:
        source.close()


command.add_command(verify)
