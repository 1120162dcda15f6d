"""The command `mission` and the table of its commands, grouped by purpose."""

import click

from core.errors import UsageError
from tui.cli.command import DeckGroup, Lazy, colour_option, database_option
from tui.cli.exit_code import in_words
from tui.cli.invocation import Invocation
from tui.host.version import VERSION


def _read_only_option() -> click.Option:
    return click.Option(
        ["--read-only"],
        is_flag=True,
        help="Open a screen that starts, changes and writes nothing.",
    )


def _lazy(name: str, told: str) -> Lazy:
    return Lazy(f"tui.cli.commands.{name}", told)


SECTIONS = {
    "Run": {
        "run": _lazy("run", "Run a mission to its end."),
        "exec": _lazy("exec", "Run one command as an audited step."),
        "retry": _lazy("retry", "Run failed steps again, in a linked execution."),
        "rerun": _lazy("rerun", "Run a whole mission again, in a linked execution."),
    },
    "Inspect": {
        "ls": _lazy("ls", "List executions, newest first."),
        "show": _lazy("show", "Show one execution, or one step of it."),
        "logs": _lazy("logs", "Print the log of an execution or step."),
        "artifacts": _lazy("artifacts", "List or get the files that were kept of an execution."),
        "why": _lazy("why", "Explain the state of a step or an execution."),
        "diff": _lazy("diff", "Compare an execution with another one."),
        "history": _lazy("history", "Tell how the runs of a mission or a step ended."),
        "watch": _lazy("watch", "Watch an execution until it ends."),
        "open": _lazy("open", "Open the screen on an execution."),
        "events": _lazy("events", "Print audit events as NDJSON, resumable."),
    },
    "Control": {
        "cancel": _lazy("cancel", "Cancel an execution, or one step of it."),
        "pause": _lazy("pause", "Start no more steps of an execution."),
        "resume": _lazy("resume", "Continue a paused or abandoned execution."),
        "queue": _lazy("queue", "Show who waits for whom: groups of missions, mutexes of steps."),
        "hold": _lazy("hold", "Hold an execution back in its concurrency group."),
        "release": _lazy("release", "Let a held execution go on in its group."),
        "approve": _lazy("approve", "Approve a step that waits for approval."),
        "reject": _lazy("reject", "Reject a step that waits for approval."),
    },
    "Mission files": {
        "validate": _lazy("validate", "Validate mission files and print all problems."),
        "plan": _lazy("plan", "Show what a mission would do."),
        "graph": _lazy("graph", "Print the graph of a mission or an execution."),
        "init": _lazy("init", "Write a mission file to start from."),
        "examples": _lazy("examples", "List, print or copy the sample missions."),
        "explain": _lazy("explain", "Explain a key of the mission file, a step type, or a code."),
        "schema": _lazy("schema", "Print the JSON Schema of mission files."),
    },
    "Audit": {
        "audit": _lazy("audit", "Verify the audit log."),
    },
    "Set up": {
        "schedule": _lazy("schedule", "Let systemd or cron start a mission, and show what is set."),
        "policy": _lazy("policy", "Show the policies in force, and test what they allow."),
        "secrets": _lazy("secrets", "Store the values of secrets, encrypted."),
        "db": _lazy("db", "Check, back up and inspect the database."),
        "worker": _lazy("worker", "Run processes of missions for others, as a Dask worker."),
        "doctor": _lazy("doctor", "Check whether missions can run on this machine."),
        "completion": _lazy("completion", "Print the completion script of a shell."),
        "help": _lazy("help", "Show the help of a command, or of a topic."),
        "version": _lazy("version", "Print the version."),
    },
}


@click.group(
    "mission",
    cls=DeckGroup,
    sections=SECTIONS,
    invoke_without_command=True,
    params=[database_option(), colour_option(), _read_only_option()],
    epilog=(
        "EXEC is NAME#7 (run 7 of the mission NAME), an execution's id or a unique prefix of it, a"
        " mission's name (its newest run), @last or @last-failed (the newest run or failed run that"
        " is not a sub-mission, preferably of a mission in the current folder)."
        f" Exit codes: {in_words()}."
    ),
)
@click.version_option(VERSION, prog_name="mission", message="%(prog)s %(version)s")
@click.pass_context
def root(ctx: click.Context, read_only: bool) -> None:
    """Run, watch and audit missions.

    Without a command, the screen opens.
    """
    if read_only and ctx.invoked_subcommand is not None:
        raise UsageError(
            f"--read-only is about the screen, not `mission {ctx.invoked_subcommand}`",
            hint="`mission open` and `mission watch` have it as an option of their own",
        )
    if ctx.invoked_subcommand is None:
        from tui.cli.following.screen import open_screen

        open_screen(ctx.ensure_object(Invocation), read_only=read_only)
