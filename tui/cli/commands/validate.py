"""`mission validate`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from core.domain.state_word import counted
from core.errors import MissionInvalidError, NotFoundError
from core.operations.mission_order import read_mission
from tui.cli.command import command as declare
from tui.cli.command import finish
from tui.cli.completion.completions import complete_file
from tui.cli.invocation import Invocation
from tui.cli.mission_argument import mission_file
from tui.words.safe_text import safe_line

if TYPE_CHECKING:
    from core.mission_file.load import Loaded

FORMATS = ("text", "json", "sarif", "github")


@declare("validate")
@click.argument("files", metavar="[FILE|NAME|-]...", nargs=-1, shell_complete=complete_file)
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    help="text, json (same as --json), sarif (2.1.0), or github (workflow annotations).",
)
def command(invocation: Invocation, files: tuple[str, ...], form: str | None) -> None:
    """Validate mission files and print all problems with their positions.

    Without FILE it is the mission.yaml of the current folder.

    The exit code is 0 if all files are valid, 3 if any is invalid, 4 if any is missing. With --json
    a single FILE gives an object, several files give an array.
    """
    form = "json" if invocation.json or form == "json" else form or "text"
    invocation.json = form == "json"
    if len(files) < 2:
        read = [read_mission(mission_file(invocation, next(iter(files), None)))]
        missing: list[NotFoundError] = []
    else:
        read, missing = _read_all(invocation, files)
    if form == "json":
        _print_json(invocation, read, missing, single=len(files) < 2)
    else:
        _print_rendered(invocation, read, missing, form)
    if not all(loaded.ok for loaded in read):
        finish(MissionInvalidError.exit_code)
    finish(NotFoundError.exit_code if missing else 0)


def _read_all(
    invocation: Invocation, files: Sequence[str]
) -> tuple[list["Loaded"], list[NotFoundError]]:
    read, missing = [], []
    for file in files:
        try:
            read.append(read_mission(mission_file(invocation, file)))
        except NotFoundError as error:
            missing.append(error)
    return read, missing


def _print_json(
    invocation: Invocation,
    read: Sequence["Loaded"],
    missing: Sequence[NotFoundError],
    *,
    single: bool,
) -> None:
    from core.mission_file.render import validation_json
    from tui.output import json_shapes

    found: list[dict[str, Any]] = [validation_json(loaded) for loaded in read]
    found += [{"valid": False, **json_shapes.failure(error)} for error in missing]
    invocation.console.out_json(found[0] if single else found)


def _print_rendered(
    invocation: Invocation, read: Sequence["Loaded"], missing: Sequence[NotFoundError], form: str
) -> None:
    from core.mission_file.render import render

    console = invocation.console
    findings = [one for loaded in read for one in loaded.diagnostics]
    rendered = render(findings, form, color=console.palette.colour)
    if form == "text" and rendered:
        console.out(rendered.removesuffix("\n"))
    else:
        console.out_raw(rendered)
    if form == "sarif":
        console.out()
    for loaded in read:
        if form == "text" and loaded.mission is not None and loaded.ok:
            steps = counted(len(loaded.mission.steps), "step")
            console.out(f"{safe_line(loaded.path)}: valid, {steps}")
    for error in missing:
        console.say(f"error[{error.code}]: {safe_line(error.message)}")
