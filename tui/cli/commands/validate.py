"""`mission validate`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from core.domain.state_word import counted, steps_text
from core.errors import CancelledError, MissionInvalidError, NotFoundError
from core.operations.mission_order import make_order, read_mission
from tui.cli.command import command as declare
from tui.cli.command import finish
from tui.cli.completion.completions import complete_file
from tui.cli.invocation import Invocation
from tui.cli.mission_argument import mission_file
from tui.words.safe_text import safe_line

if TYPE_CHECKING:
    from core.mission_file.load import Loaded
    from core.operations.admission.safety_findings import SafetyFinding

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

    The exit code is 0 if all files are valid, 3 if any is invalid, 4 if any is missing, and 5 if
    they are valid and safety refuses what a step does. With --json a single FILE gives an object,
    several files give an array.
    """
    form = "json" if invocation.json or form == "json" else form or "text"
    invocation.json = form == "json"
    if len(files) < 2:
        read = [read_mission(mission_file(invocation, next(iter(files), None)))]
        missing: list[NotFoundError] = []
    else:
        read, missing = _read_all(invocation, files)
    findings = [_findings(invocation, loaded) for loaded in read]
    if form == "json":
        _print_json(invocation, read, findings, missing, single=len(files) < 2)
    else:
        _print_rendered(invocation, read, findings, missing, form)
    if not all(loaded.ok for loaded in read):
        finish(MissionInvalidError.exit_code)
    if missing:
        finish(NotFoundError.exit_code)
    finish(CancelledError.exit_code if any(findings) else 0)


def _findings(invocation: Invocation, loaded: "Loaded") -> list["SafetyFinding"]:
    """Return what safety refuses of a mission as it stands in its file."""
    if loaded.mission is None or not loaded.ok:
        return []
    from core.operations.admission.safety_filter import may_be_refused

    if not may_be_refused(loaded.mission):
        return []
    from core.operations.admission.planned_verdicts import known_values
    from core.operations.admission.safety_findings import safety_findings

    order = make_order(loaded, reference=loaded.path, actor="", params={})
    values = known_values(loaded.mission, {}, lenient=True)
    return safety_findings(invocation.site.safety_gate(), order, values, invocation.environ)


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
    findings: Sequence[Sequence["SafetyFinding"]],
    missing: Sequence[NotFoundError],
    *,
    single: bool,
) -> None:
    from core.mission_file.render import validation_json
    from tui.output import json_shapes
    from tui.output.verdict_list import finding_json

    found: list[dict[str, Any]] = [
        {**validation_json(loaded), "findings": [finding_json(one) for one in refused]}
        for loaded, refused in zip(read, findings, strict=True)
    ]
    found += [{"valid": False, **json_shapes.failure(error)} for error in missing]
    invocation.console.out_json(found[0] if single else found)


def _print_rendered(
    invocation: Invocation,
    read: Sequence["Loaded"],
    findings: Sequence[Sequence["SafetyFinding"]],
    missing: Sequence[NotFoundError],
    form: str,
) -> None:
    from core.mission_file.render import render

    console = invocation.console
    told = [
        one
        for loaded, refused in zip(read, findings, strict=True)
        for one in (*loaded.diagnostics, *(found.diagnostic for found in refused))
    ]
    rendered = render(told, form, color=console.palette.colour)
    if form == "text" and rendered:
        console.out(rendered.removesuffix("\n"))
    else:
        console.out_raw(rendered)
    if form == "sarif":
        console.out()
    for loaded, refused in zip(read, findings, strict=True):
        if form == "text" and loaded.mission is not None and loaded.ok:
            steps = steps_text(len(loaded.mission.steps), len(loaded.mission.handlers.all))
            told_of = f", and safety refuses {counted(len(refused), 'thing')}" if refused else ""
            console.out(f"{safe_line(loaded.path)}: valid, {steps}{told_of}")
    for error in missing:
        console.say(f"error[{error.code}]: {safe_line(error.message)}")
