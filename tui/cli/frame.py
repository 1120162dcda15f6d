"""The outermost frame of a command: signals, and every exception as words and an exit code.

| raised | exit code |
|---|---|
| `MissionDeckError` | its own (the table stands in `core.errors`) |
| wrong usage | 2 |
| a file or database the system refuses | 9 |
| Ctrl-C, SIGTERM | 130, 143 |
| the reader of a pipe went away, of a command that only looks | 141, silently |
| anything else | 70, with a report in the log folder |
"""

import os
import signal
import sys
import threading
from collections.abc import Sequence

import click

from core.errors import (
    BugError,
    MissionDeckError,
    MissionInvalidError,
    UnavailableError,
    UsageError,
)
from tui.cli.exit_code import EXIT_BROKEN_PIPE, EXIT_INTERRUPTED, EXIT_TERMINATED
from tui.cli.invocation import Invocation
from tui.cli.printing.console import Console, silence
from tui.host.refusal import as_mission_error


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code. Nothing is raised."""
    from tui.cli.commands_table import root

    if "_MISSION_COMPLETE" in os.environ:  # a shell asks for completions: click answers and exits
        from tui.cli.completion.shell import register

        register()
        root.main(args=list(arguments), prog_name="mission")
    invocation = Invocation.from_process()
    _exit_on_sigterm()
    try:
        return _finish(_invoke(root, arguments, invocation), invocation)
    except BrokenPipeError:
        silence(sys.stdout)
        return EXIT_BROKEN_PIPE
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)


def _finish(code: int, invocation: Invocation) -> int:
    """Hand over what was written last; return the exit code, another one when data was lost."""
    try:
        invocation.console.finish()
    except BrokenPipeError:
        raise
    except UnavailableError as error:
        silence(sys.stdout)
        if code == 0:
            return _report(error, invocation, ())
    except (KeyboardInterrupt, SystemExit):  # nobody waits for the output; what is done is done
        invocation.console.abandon()
    return code


def _invoke(root: click.Group, arguments: Sequence[str], invocation: Invocation) -> int:
    try:
        with root.make_context("mission", list(arguments), obj=invocation) as context:
            root.invoke(context)
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.Abort:
        return EXIT_INTERRUPTED
    except click.exceptions.NoArgsIsHelpError as error:
        invocation.console.say(error.format_message())
        return 2
    except click.ClickException as error:
        return _report(_usage_error(error), invocation, arguments)
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 - the last frame: whatever it is becomes words
        return _report(as_mission_error(error), invocation, arguments)
    return 0


def _report(error: MissionDeckError, invocation: Invocation, arguments: Sequence[str]) -> int:
    path = None
    if isinstance(error, BugError):
        from tui.cli.bug_report import write_bug_report

        path = write_bug_report(error, invocation, arguments)
    if "--json" in arguments:  # the parser may not have come as far as to note it
        invocation.json = True
    _show(error, invocation, invocation.console, path)
    return error.exit_code


def _show(
    error: MissionDeckError, invocation: Invocation, console: Console, report: str | None
) -> None:
    if invocation.json:
        from tui.output import json_shapes

        try:
            console.out_json(
                {**json_shapes.failure(error), **({"report": report} if report else {})}
            )
            console.flush()
        except (OSError, UnavailableError):  # the exit code says it all the same
            silence(sys.stdout)
        return
    from tui.words.safe_text import safe

    palette = console.error_palette
    if isinstance(error, MissionInvalidError) and error.diagnostics:
        from core.mission_file.finding.diagnostic import Diagnostic
        from core.mission_file.render import render

        found = [one for one in error.diagnostics if isinstance(one, Diagnostic)]
        console.say(render(found, color=palette.colour).rstrip("\n"))
    console.say(f"{palette.paint(f'error[{error.code}]', 'red', 'bold')}: {safe(error.message)}")
    if error.hint:
        console.say(f"{palette.paint('hint', 'cyan')}: {safe(error.hint)}")
    if report:
        console.say(f"report: {report}")


def _usage_error(error: click.ClickException) -> MissionDeckError:
    hint = None
    context = getattr(error, "ctx", None)
    if isinstance(context, click.Context):
        hint = f"see `{context.command_path} --help`"
    ours = UsageError(error.format_message(), hint=hint)
    ours.__cause__ = error
    return ours


def _exit_on_sigterm() -> None:
    """Make SIGTERM end this process in order, with exit code 143."""

    def leave(_signum: int, _frame: object) -> None:
        raise SystemExit(EXIT_TERMINATED)

    if threading.current_thread() is threading.main_thread():  # elsewhere Python refuses
        signal.signal(signal.SIGTERM, leave)
