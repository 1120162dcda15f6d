"""`mission schema`."""

from tui.cli.command import command as declare
from tui.cli.invocation import Invocation
from tui.host.mission_templates.new_mission import schema_text


@declare("schema")
def command(invocation: Invocation) -> None:
    """Print the JSON Schema (draft-07) of mission files, for editors.

    It includes the parameters of every installed step type.
    """
    invocation.console.out_raw(f"{schema_text()}\n")
