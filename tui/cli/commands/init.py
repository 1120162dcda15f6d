"""`mission init`."""

from pathlib import Path
from shlex import quote

import click

from core.errors import ConflictError, UsageError
from tui.cli.command import command as declare
from tui.cli.invocation import Invocation
from tui.host.mission_templates import template_names, template_summary
from tui.host.mission_templates.new_mission import write_mission
from tui.host.places import FOLDER_MISSIONS

DEFAULT_TEMPLATE = "pipeline"


@declare("init")
@click.argument("file", default=FOLDER_MISSIONS[0], type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "-t",
    "--template",
    type=click.Choice(template_names()),
    default=DEFAULT_TEMPLATE,
    show_default=True,
    help="The mission to start from.",
)
@click.option("--list", "wants_list", is_flag=True, help="List the templates, and write nothing.")
@click.option("--force", is_flag=True, help="Overwrite an existing file.")
@click.option("--no-schema", is_flag=True, help="Do not write the JSON Schema for editors.")
def command(
    invocation: Invocation,
    file: Path,
    template: str,
    wants_list: bool,
    force: bool,
    no_schema: bool,
) -> None:
    """Write a small runnable mission to FILE (mission.yaml) as a starting point.

    Its first line refers editors to its schema, `.mission-schema.json`, written to the same folder.
    """
    if wants_list:
        _list(invocation)
        return
    if file.suffix.lower() == ".json":
        raise UsageError(
            f"{file} would be read as JSON, and templates are YAML",
            hint=f"write {file.with_suffix('.yaml')} instead",
        )
    try:
        written = write_mission(file, template, with_schema=not no_schema, force=force)
    except ConflictError as error:
        raise ConflictError(error.message, hint="--force overwrites it") from error
    console = invocation.console
    console.best_effort()
    if invocation.json:
        console.out_json({"written": [str(path) for path in written]})
        return
    console.out_raw("".join(f"{path}\n" for path in written))
    argument = "" if str(file) == FOLDER_MISSIONS[0] else f" {quote(str(file))}"
    console.say(f"next: mission validate{argument} && mission run{argument}")


def _list(invocation: Invocation) -> None:
    found = {name: template_summary(name) for name in template_names()}
    if invocation.json:
        invocation.console.out_json(
            [{"name": name, "summary": summary} for name, summary in found.items()]
        )
        return
    widest = max(map(len, found))
    invocation.console.out_lines([f"{n.ljust(widest)}  {told}" for n, told in found.items()])
