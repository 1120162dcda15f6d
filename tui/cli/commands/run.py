"""`mission run`.

Only the options are declared here; the implementation is imported on use, because it is slow to
import and shells load this module for every completion.
"""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click

from core.errors import UsageError
from tui.cli.command import command as declare
from tui.cli.command import finish
from tui.cli.following.end_notice import AtEnd, end_options
from tui.cli.following.executor_option import executor_option
from tui.cli.invocation import Invocation
from tui.cli.printing.output_option import output_options
from tui.cli.shared_options import mission_argument, mission_step_option, param_source_options


@declare("run", short_help="Run a mission to its end.", bare_options={"--force": "*"})
@mission_argument
@param_source_options
@click.option("--detach", is_flag=True, help="Run in the background and print the id.")
@click.option(
    "--witness-file",
    metavar="FILE",
    help="Append the head of the audit log to this file when the run is sealed.",
)
@executor_option()
@click.option(
    "--watch",
    is_flag=True,
    help="Run again whenever the mission file, what it includes, its environment files or the"
    " `inputs` of its steps change.",
)
@click.option(
    "--also",
    metavar="PATH",
    multiple=True,
    type=click.Path(),
    help="With --watch: look at this file or folder, too; may be repeated.",
)
@click.option("--dry-run", is_flag=True, help="Show the plan without running anything.")
@mission_step_option(
    "--resume-from", help="Start at STEP; reuse the results of the last run for earlier steps."
)
@mission_step_option("--only", multiple=True, help="Run only this step; may be repeated.")
@mission_step_option(
    "--target",
    "targets",
    multiple=True,
    help="Run this step and all that it depends on, as make does; may be repeated.",
)
@mission_step_option("--skip", multiple=True, help="Skip this step; may be repeated.")
@mission_step_option(
    "--break",
    "breakpoints",
    multiple=True,
    help="Pause before this step, once; `mission resume` goes on with it; may be repeated.",
)
@click.option(
    "--force",
    metavar="[=STEP]",
    multiple=True,
    help="Run steps that declare their files even if nothing has changed: all of them, or with"
    " =STEP this one; may be repeated.",
)
@click.option(
    "-l",
    "--label",
    "labels",
    metavar="NAME=VALUE",
    multiple=True,
    help="Give the execution a label, by which `mission ls -l NAME` finds it; may be repeated.",
)
@click.option("--title", metavar="TEXT", help="Give the execution a title.")
@click.option(
    "--run-id",
    metavar="KEY",
    help="Idempotency key: if this mission already ran with KEY, report that run instead of"
    " starting another.",
)
@click.option(
    "--keep-going",
    is_flag=True,
    help="Go on after a failure, with all that does not depend on it, whatever fail_fast says.",
)
@end_options
@output_options
@click.option(
    "--max-parallel",
    type=click.IntRange(1, 10_000),
    metavar="N",
    help="Run at most N attempts at the same time.",
)
def command(
    invocation: Invocation,
    file: str | None,
    witness_file: str | None,
    params: tuple[str, ...],
    params_file: str | None,
    params_from: str | None,
    on_end: str | None,
    notify: bool,
    watch: bool,
    also: tuple[str, ...],
    **options: Any,
) -> None:
    """Run a mission to its end.

    Without FILE the mission.yaml of the current folder runs. NAME is a mission of the folders where
    the screen looks for missions: this one, ./missions, ./sample_missions, or those of the setting
    `missions`.

    One line per state change is written to stdout; a failure is followed by the last lines of the
    step's output. With --json only the result object is written, at the end, and the step output
    selected by --output goes to stderr. With --quiet nothing is written unless the run fails.
    Ctrl-C cancels the mission gracefully; a second Ctrl-C kills running steps and skips the
    handlers. COMMAND of --on-end has the variables that it has in `mission watch`; it and
    --notify are done after everything is recorded, and change no exit code.
    """
    from tui.cli.following.run_mission import run_mission
    from tui.cli.given_params import ParamSources
    from tui.cli.mission_argument import mission_file

    if watch or also:
        _run_again(invocation, mission_file(invocation, file), also, watch=watch, options=options)
        return
    if witness_file is not None:
        invocation.give_witness_file(witness_file)
    sources = ParamSources(params_from, params_file, params)
    at_end = AtEnd(on_end, notify)
    run_mission(
        invocation, mission_file(invocation, file), params=sources, at_end=at_end, **options
    )


def _run_again(
    invocation: Invocation,
    file: str,
    also: tuple[str, ...],
    *,
    watch: bool,
    options: Mapping[str, Any],
) -> None:
    if not watch:
        raise UsageError("--also says what --watch looks at, too")
    for name in ("detach", "dry_run", "run_id"):
        if options[name]:
            raise UsageError(f"--watch cannot be combined with --{name.replace('_', '-')}")
    from tui.cli.following.run_again import run_again

    finish(run_again(invocation, file, _without_watch(sys.argv[1:]), also))


def _without_watch(arguments: Sequence[str]) -> list[str]:
    """Return the arguments of the command without `--watch` and `--also PATH`."""
    kept: list[str] = []
    words = iter(arguments)
    for word in words:
        if word == "--also":
            next(words, None)
        elif word != "--watch" and not word.startswith("--also="):
            kept.append(word)
    return kept
