"""`mission exec`."""

import click

from core.errors import UsageError
from tui.cli.command import command as declare
from tui.cli.invocation import Invocation
from tui.cli.printing.output_option import output_options
from tui.cli.printing.step_output import OutputMode
from tui.cli.shared_options import seconds_option


@declare(
    "exec",
    short_help="Run one command as an audited step.",
    context_settings={"allow_interspersed_args": False},
)
@click.argument("words", metavar="CMD...", nargs=-1, required=True, type=click.UNPROCESSED)
@click.option(
    "-e", "--env", "env", metavar="NAME=VALUE", multiple=True, help="Set a variable for CMD."
)
@click.option("--name", metavar="NAME", help="Name of the mission; the program's by default.")
@seconds_option("--timeout", help="End CMD after this time.")
@click.option("--detach", is_flag=True, help="Run in the background and print the id.")
@output_options
def command(
    invocation: Invocation,
    words: tuple[str, ...],
    env: tuple[str, ...],
    name: str | None,
    timeout: float | None,
    detach: bool,
    output: OutputMode | None,
    quiet: bool,
) -> None:
    """Run one command as a mission of one step, without a mission file.

    It runs in the current folder, without a shell. Its output is printed as it arrives; log, exit
    code and audit are kept as for any mission. Write `--` before CMD if its options could be taken
    for those of this command.
    """
    from core.mission_file.load import load_mission
    from core.operations.mission_order import parse_pairs
    from core.value.non_utf8 import escape_non_utf8, is_utf8
    from tui.cli.following.run_mission import run_loaded
    from tui.cli.single_step import single_step_mission

    if not words[0]:
        raise UsageError("CMD is empty")
    for word in (*words, *env):
        if not is_utf8(word):
            raise UsageError(f"{escape_non_utf8(word)} is not UTF-8 text, which a mission is")
    content = single_step_mission(
        words, name=name, env=parse_pairs(env, option="-e", what="variable"), timeout=timeout
    )
    if output is None and not (quiet or detach or invocation.json):
        output = OutputMode.LIVE
    loaded = load_mission(content, name="<exec>", fmt="json")
    run_loaded(invocation, loaded, detach=detach, output=output, quiet=quiet)
