"""`mission schema`."""

import json

from tui.cli.command import command as declare
from tui.cli.invocation import Invocation


@declare("schema")
def command(invocation: Invocation) -> None:
    """Print the JSON Schema (draft-07) of mission files, for editors.

    It includes the parameters of every installed step type.
    """
    invocation.console.out_raw(f"{schema_text()}\n")


def schema_text() -> str:
    """Return the schema as indented text."""
    from core.mission_file.schema import mission_schema

    return json.dumps(mission_schema(), indent=2)
