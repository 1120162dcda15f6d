"""`mission init`."""

import json
from pathlib import Path
from shlex import quote

import click

from core.errors import ConflictError, NotFoundError
from tui.cli.command import command as declare
from tui.cli.commands.schema import schema_text
from tui.cli.invocation import Invocation

SCHEMA_FILE = ".mission-schema.json"
MODELINE = f"# yaml-language-server: $schema=./{SCHEMA_FILE}\n"
_MISSION = """\
version: "1.0"
name: {name}
description: Say in a line what this mission is for.

params:
  who: {{type: string, default: world, description: whom to greet}}

config:
  timeout_seconds: 600
  fail_fast: true

steps:
  - id: greet
    name: Greet
    step_type: command
    parameters: {{command: echo, args: ["Hello, {{{{ params.who }}}}"]}}

  - id: work
    name: Do the work
    step_type: script
    depends_on: [greet]
    timeout_seconds: 60
    retry: {{max_attempts: 3, initial_interval: 1s}}
    parameters:
      script: |
        echo "working"
        sleep 1

  - id: report
    name: Report
    step_type: log
    depends_on: [work]
    parameters: {{message: "said: {{{{ steps.greet.output.stdout | trim }}}}"}}
"""


@declare("init")
@click.argument("file", default="mission.yaml", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Overwrite an existing file.")
@click.option("--no-schema", is_flag=True, help="Do not write the JSON Schema for editors.")
def command(invocation: Invocation, file: Path, force: bool, no_schema: bool) -> None:
    """Write a small runnable mission to FILE (mission.yaml) as a starting point.

    Its first line refers editors to its schema, `.mission-schema.json`, written to the same folder.
    """
    if not file.parent.is_dir():
        raise NotFoundError(f"there is no folder {file.parent}")
    text = _MISSION.format(name=json.dumps(file.stem, ensure_ascii=False))
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
    name = quote(str(file))
    console.say(f"next: mission validate {name} && mission run {name}")


def _write(path: Path, text: str, *, force: bool) -> None:
    try:
        with path.open("w" if force else "x", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    except FileExistsError as error:
        raise ConflictError(f"{path} exists already", hint="--force overwrites it") from error
