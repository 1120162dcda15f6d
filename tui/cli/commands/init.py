"""`mission init`."""

import json
from pathlib import Path
from shlex import quote

import click

from core.errors import ConflictError, NotFoundError
from tui.cli.command import command as declare
from tui.cli.commands.schema import schema_text
from tui.cli.invocation import Invocation
from tui.cli.mission_argument import DEFAULT_FILES
from tui.cli.mission_templates import NAME, template_names, template_summary, template_text

SCHEMA_FILE = ".mission-schema.json"
MODELINE = f"# yaml-language-server: $schema=./{SCHEMA_FILE}\n"
DEFAULT_TEMPLATE = "pipeline"


@declare("init")
@click.argument("file", default=DEFAULT_FILES[0], type=click.Path(dir_okay=False, path_type=Path))
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
    if not file.parent.is_dir():
        raise NotFoundError(f"there is no folder {file.parent}")
    name = json.dumps(_name_of(file), ensure_ascii=False)
    text = template_text(template).replace(f"name: {NAME}\n", f"name: {name}\n", 1)
    written = [file]
    _write(file, text if no_schema else MODELINE + text, force=force)
    if not no_schema:
        schema = file.with_name(SCHEMA_FILE)
        _write(schema, schema_text() + "\n", force=True)
        written.append(schema)
    console = invocation.console
    console.best_effort()
    if invocation.json:
        console.out_json({"written": [str(path) for path in written]})
        return
    console.out_raw("".join(f"{path}\n" for path in written))
    argument = "" if str(file) == DEFAULT_FILES[0] else f" {quote(str(file))}"
    console.say(f"next: mission validate{argument} && mission run{argument}")


def _name_of(file: Path) -> str:
    """Return a mission's name for its file; a folder's own mission is called like the folder."""
    is_default = file.name in DEFAULT_FILES
    return (file.resolve().parent.name if is_default else file.stem) or file.stem


def _list(invocation: Invocation) -> None:
    found = {name: template_summary(name) for name in template_names()}
    if invocation.json:
        invocation.console.out_json(
            [{"name": name, "summary": summary} for name, summary in found.items()]
        )
        return
    widest = max(map(len, found))
    invocation.console.out_lines([f"{n.ljust(widest)}  {told}" for n, told in found.items()])


def _write(path: Path, text: str, *, force: bool) -> None:
    try:
        with path.open("w" if force else "x", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    except FileExistsError as error:
        raise ConflictError(f"{path} exists already", hint="--force overwrites it") from error
