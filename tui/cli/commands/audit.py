"""`mission audit`: verification of the audit log, and evidence for others."""

from pathlib import Path

import click

from core.audit.verify.verdict import Report, report_json
from core.errors import AuditError, NotFoundError, UsageError
from tui.cli.auditing.audit_anchor import command as audit_anchor
from tui.cli.auditing.audit_export import command as audit_export
from tui.cli.auditing.audit_keys import command as audit_keys
from tui.cli.command import DeckGroup, finish
from tui.cli.command import command as declare
from tui.cli.completion.completions import complete_execution
from tui.cli.following.stored_result import events_of
from tui.cli.invocation import Invocation
from tui.cli.records import open_records
from tui.cli.reference import execution_argument, find_execution
from tui.cli.shared_options import instant_option
from tui.output.verification_report import extent_lines, verdict_lines, verified_json
from tui.words.numbers import moment
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
    "--tsa-ca",
    "certificates",
    metavar="FILE",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Trust the time stamps under these certificates (PEM), and not those of the key folder.",
)
@click.option(
    "--witness-key",
    "witness_keys",
    metavar="VKEY|FILE",
    multiple=True,
    help="Trust the cosignatures by this witness, and not those of the key folder.",
)
@click.option(
    "--require",
    metavar="TIERS",
    default="",
    help="Required tiers, comma-separated: chain, signed, anchored, complete.",
)
@click.option(
    "--full/--since-verified",
    "full",
    default=True,
    help="Verify everything (the default), or only the chain behind the events that were verified"
    " before.",
)
def verify(
    invocation: Invocation,
    bundle: Path | None,
    full: bool,
    deep: bool,
    head: str | None,
    witness: Path | None,
    keys: tuple[str, ...],
    certificates: tuple[Path, ...],
    witness_keys: tuple[str, ...],
    require: str,
) -> None:
    """Verify the audit log: hashes, signatures, and every record, rebuilt from the events.

    With BUNDLE, verify a file of `mission audit export` instead, against the keys that are trusted.

    With --since-verified the events that were verified before are not read again, nor are records
    compared: the result says to which event they were, and when.

    The exit code is 0 for INTACT and 8 for every other verdict. A truncation that also removed the
    signatures is only detected against a head stored elsewhere: pass it with --head or --witness.
    The database is not written: that of somebody else, or on a read-only medium, is verified with
    --db and --key.
    """
    others = deep or head is not None or witness is not None
    checked = None
    if bundle is not None:
        if others or not full:
            raise UsageError(
                "--deep, --head, --witness and --since-verified are for the log, not for a bundle"
            )
        report = _verify_bundle(
            invocation,
            bundle,
            keys=keys,
            certificates=certificates,
            witness_keys=witness_keys,
            require=require,
        )
    elif full:
        from tui.cli.auditing.log_verification import anchor_trust, check_log, report_of

        checked = check_log(
            invocation,
            deep=deep,
            head=head,
            witness=witness,
            keys=keys,
            anchors=anchor_trust(invocation.paths.keys, keys, certificates, witness_keys),
            require=require,
        )
        report = report_of(checked)
    elif others or keys or certificates or witness_keys or require:
        raise UsageError("with --since-verified only the chain behind what was verified is read")
    else:
        from tui.cli.auditing.log_verification import check_log_since, report_of

        checked = check_log_since(invocation)
        report = report_of(checked)
    console = invocation.console
    if invocation.json:
        since = None if full or checked is None else verified_json(checked.before)
        console.out_json(report_json(report) | ({} if full else {"since": since}))
    else:
        console.out_lines(list(verdict_lines(report, console.palette)))
        if checked is not None:
            console.out_lines(list(extent_lines(checked, invocation.now, is_full=full)))
    finish(0 if report.is_intact else AuditError.exit_code)


def _verify_bundle(
    invocation: Invocation,
    bundle: Path,
    *,
    keys: tuple[str, ...],
    certificates: tuple[Path, ...],
    witness_keys: tuple[str, ...],
    require: str,
) -> Report:
    from core.audit.bundle.bundle_check import verify_bundle
    from core.audit.verify.verify import parse_tiers
    from tui.cli.auditing.log_verification import anchor_trust, known_keys
    from tui.host.evidence.log_check import authorities_of

    if not bundle.exists():
        raise NotFoundError(f"there is no file {bundle}")
    folder = invocation.paths.keys
    known = known_keys(folder, keys)
    return verify_bundle(
        bundle,
        known.trusted,
        parse_tiers(require),
        authorities_of(anchor_trust(folder, keys, certificates, witness_keys)),
        revoked=known.revoked,
    )


@declare("report", short_help="Write a report for auditors: who did what, and can it be trusted.")
@click.argument("execution", metavar="[EXEC]", required=False, shell_complete=complete_execution)
@click.option(
    "--since",
    metavar="TIME",
    help="All executions created since this time: 30d ago, or an RFC 3339 timestamp.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["md", "html", "json"]),
    help="Markdown (the default), one HTML file, or JSON.",
)
@click.option(
    "-o",
    "--output",
    "target",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Write to FILE instead of stdout.",
)
@click.option("--force", is_flag=True, help="Overwrite FILE if it exists.")
def report(
    invocation: Invocation,
    execution: str | None,
    since: str | None,
    form: str | None,
    target: Path | None,
    force: bool,
) -> None:
    """Report on execution EXEC and its sub-missions, or on all executions since a time.

    It opens with totals by outcome, violations, approvals and the integrity of the log, which is
    verified first; then it tells for each execution who did what and when, and how every step and
    attempt ended. The exit code is 8 if the log does not verify; the report says so then.
    """
    from tui.cli.auditing import audit_report
    from tui.cli.auditing.log_verification import verify_log
    from tui.host.evidence.output_file import new_file, put_in_place, refuse_existing

    if (execution is None) == (since is None):
        raise UsageError("name an execution, or a time with --since", hint="`--since 30d`")
    if target is not None:
        refuse_existing(target, overwrite=force)
    with open_records(invocation) as reader:
        verified = verify_log(invocation)
        if execution is not None:
            found = audit_report.family_of(reader, find_execution(invocation, reader, execution))
            outside = []
        else:
            start = instant_option("--since", since or "", invocation.now)
            found = audit_report.executions_since(reader, start)
            outside = audit_report.events_outside(reader, start)
        text = audit_report.written_report(
            reader,
            found,
            verified,
            outside=outside,
            form=form or ("json" if invocation.json else "md"),
            now=invocation.now,
        )
    if target is None:
        invocation.console.out_raw(text)
    else:
        with new_file(target) as file:
            file.write(text.encode())
            file.flush()
            put_in_place(Path(file.name), target, overwrite=force)
        invocation.console.out_raw(f"{safe_line(str(target))}\n")
    finish(0 if verified.is_intact else AuditError.exit_code)


@declare("show", short_help="Print the audit events of an execution.")
@execution_argument
@click.option(
    "--type",
    "kinds",
    multiple=True,
    metavar="TYPE",
    help="Only events of this type, attempt.ended or all of attempt; may be repeated.",
)
@click.option("--actor", metavar="ACTOR", help="Only events by this actor.")
@click.option("--step", metavar="STEP", help="Only events of this step and its attempts.")
@click.option("--since", metavar="TIME", help="Only events since this time: 5m ago, or RFC 3339.")
@click.option("--until", metavar="TIME", help="Only events up to this time.")
def show(
    invocation: Invocation,
    execution: str,
    kinds: tuple[str, ...],
    actor: str | None,
    step: str | None,
    since: str | None,
    until: str | None,
) -> None:
    """Print the audit events of execution EXEC in the order of the chain, as they are recorded.

    With --json each event has the fields of the chain: `seq`, `ts`, `type`, `actor`, `target`,
    `execution_id`, `details`, `hash` and `previous_hash`. Nothing is verified by it:
    `mission audit verify` does that.
    """
    from tui.output import json_shapes
    from tui.output.report.act_text import act_text

    now = invocation.now
    start = None if since is None else instant_option("--since", since, now)
    end = None if until is None else instant_option("--until", until, now)
    with open_records(invocation) as reader:
        found = find_execution(invocation, reader, execution)
        if step is not None:
            reader.task_run(found.execution_id, step)
        events = [
            event
            for event in events_of(reader, found.execution_id)
            if _is_of_type(event.event_type, kinds)
            and (actor is None or event.actor == actor)
            and (step is None or json_shapes.task_of(event) == step)
            and (start is None or event.timestamp >= start)
            and (end is None or event.timestamp <= end)
        ]
    if invocation.json:
        invocation.console.out_json([json_shapes.chain_event(event) for event in events])
        return
    if not events:
        invocation.console.say("no event matches")
    invocation.console.out_lines(
        [
            safe_line(
                f"{event.seq:>6}  {moment(event.timestamp)}  {event.event_type:<24}"
                f"  {event.actor}: {act_text(event)}"
            )
            for event in events
        ]
    )


def _is_of_type(event_type: str, kinds: tuple[str, ...]) -> bool:
    """Tell whether an event is of one of these types: `attempt` is that of `attempt.ended`, too."""
    return not kinds or any(
        event_type == kind or event_type.startswith(f"{kind}.") for kind in kinds
    )


for _one in (verify, show, audit_export, report, audit_anchor, audit_keys):
    command.add_command(_one)
