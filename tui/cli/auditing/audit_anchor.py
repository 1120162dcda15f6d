"""`mission audit anchor`: lets authorities outside vouch for the log, by way of files."""

from pathlib import Path
from typing import TYPE_CHECKING

import click
from msgspec import to_builtins

from core.domain.state_word import counted
from core.errors import UsageError
from tui.cli.command import command as declare
from tui.cli.invocation import Invocation
from tui.words.safe_text import safe_line

if TYPE_CHECKING:  # the table of commands is read by every command
    from tui.host.evidence.anchoring import AnchorFile


@declare("anchor", short_help="Anchor the log to a time stamp or to a witness outside.")
@click.option("--tsa", is_flag=True, help="Write a request for a time stamp (RFC 3161).")
@click.option(
    "--tsa-response",
    "response",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Take in the response of a time-stamping authority.",
)
@click.option(
    "--tsa-ca",
    "certificates",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="The certificates (PEM) of that authority: they are trusted from now on.",
)
@click.option("--checkpoint", is_flag=True, help="Write the newest checkpoint for a witness.")
@click.option(
    "--cosigned",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Take in a checkpoint that a witness has cosigned (C2SP tlog-cosignature).",
)
@click.option(
    "--witness",
    metavar="VKEY|FILE",
    help="The public key of that witness: it is trusted from now on.",
)
@click.option(
    "-o",
    "--output",
    "target",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="The file to write; without it anchor-EVENTS.tsq or .note in the current folder.",
)
@click.option("--force", is_flag=True, help="Overwrite FILE if it exists.")
def command(
    invocation: Invocation,
    tsa: bool,
    response: Path | None,
    certificates: Path | None,
    checkpoint: bool,
    cosigned: Path | None,
    witness: str | None,
    target: Path | None,
    force: bool,
) -> None:
    """Anchor the log outside: let others vouch for the newest signed head of it.

    An anchor proves that the events up to that head existed at its time, and shows every later
    change of them, even by somebody who has the audit key. Nothing is sent from here: send the file
    that --tsa writes to a time-stamping authority, or the one that --checkpoint writes to a
    witness, and take in the answer. It is verified, and recorded as an event of the log.
    `mission audit verify` verifies it anew each time.
    """
    from tui.host.evidence import anchoring

    if sum((tsa, response is not None, checkpoint, cosigned is not None)) != 1:
        raise UsageError("one of --tsa, --tsa-response, --checkpoint and --cosigned is needed")
    if certificates is not None and response is None:
        raise UsageError("--tsa-ca belongs to --tsa-response")
    if witness is not None and cosigned is None:
        raise UsageError("--witness belongs to --cosigned")
    if (target is not None or force) and not (tsa or checkpoint):
        raise UsageError("--output and --force belong to --tsa and --checkpoint")
    if tsa or checkpoint:
        write = anchoring.write_time_stamp_request if tsa else anchoring.write_checkpoint
        _say_written(invocation, write(invocation.site, target, overwrite=force), is_request=tsa)
        return
    if response is not None:
        taken = anchoring.take_time_stamp(invocation.site, response, certificates)
    else:
        from tui.cli.auditing.log_verification import witness_key

        key = None if witness is None else witness_key(witness)
        taken = anchoring.take_cosignature(invocation.site, cosigned or Path(), key)
    if invocation.json:
        invocation.console.out_json(to_builtins(taken))
        return
    kind = "time stamp" if taken.kind == "time-stamp" else "cosignature"
    line = f"anchored: events 1 to {taken.events} by a {kind} of {taken.at} by {taken.by}"
    invocation.console.out_lines([safe_line(line)])


def _say_written(invocation: Invocation, written: "AnchorFile", *, is_request: bool) -> None:
    console = invocation.console
    if invocation.json:
        console.out_json(to_builtins(written))
        return
    console.out_raw(f"{safe_line(written.path)}\n")
    told = f"it holds the head of {counted(written.events, 'event')}; "
    if is_request:
        told += (
            "send it to a time-stamping authority (curl --data-binary @FILE -H 'Content-Type:"
            " application/timestamp-query' URL -o RESPONSE), then `mission audit anchor"
            " --tsa-response RESPONSE --tsa-ca CA.pem`"
        )
    else:
        told += (
            "when a witness has cosigned it, `mission audit anchor --cosigned FILE --witness VKEY`"
        )
    console.say(told)
