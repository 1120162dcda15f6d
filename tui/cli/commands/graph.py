"""`mission graph`."""

from pathlib import Path

import click

from core.domain.mission import Mission
from core.domain.records import Execution
from core.errors import UnavailableError
from core.mission_file.load import SUFFIXES
from core.operations.mission_order import STDIN, read_mission, require_valid
from core.operations.recorded_mission import mission_of
from tui.cli.command import command as declare
from tui.cli.completion.completions import complete_subject
from tui.cli.invocation import Invocation
from tui.cli.records import open_records
from tui.cli.reference import find_execution
from tui.output.json_shapes import reference_of
from tui.words.safe_text import safe

FORMATS = ("text", "dot", "mermaid", "json")


@declare("graph")
@click.argument("subject", metavar="FILE|EXEC|-", shell_complete=complete_subject)
@click.option(
    "-o",
    "--output",
    "form",
    type=click.Choice(FORMATS),
    help="text, dot (Graphviz), mermaid, or json (as --json).",
)
def command(invocation: Invocation, subject: str, form: str | None) -> None:
    """Print the dependency graph of a mission file or of an execution's mission.

    If the argument names an existing file, it is read as a mission file; otherwise as an execution.
    The JSON of an execution includes the state of every step.
    """
    form = "json" if invocation.json else form or "text"
    if subject == STDIN or Path(subject).exists() or Path(subject).suffix.lower() in SUFFIXES:
        mission, _ = require_valid(read_mission(subject))
        found: Execution | None = None
        states: dict[str, str] = {}
    else:
        mission, found, states = _of_execution(invocation, subject)
    if form == "json":
        invocation.json = True
        invocation.console.out_json(_json(mission, found, states))
        return
    from core.graph.graph_export import export

    text = export(mission, form)
    invocation.console.out_raw(safe(text) if invocation.console.is_terminal else text)


def _of_execution(
    invocation: Invocation, reference: str
) -> tuple[Mission, Execution, dict[str, str]]:
    with open_records(invocation) as reader:
        found = find_execution(invocation, reader, reference)
        mission = mission_of(reader, found)
        _, tasks = reader.task_states(found.execution_id)
    if mission is None:
        raise UnavailableError("the mission file of this execution cannot be read any more")
    return mission, found, {task.task_id: task.state.value for task in tasks}


def _json(mission: Mission, found: Execution | None, states: dict[str, str]) -> dict[str, object]:
    from core.graph.graph_export import graph_json

    graph = graph_json(mission)
    if found is None:
        return graph
    nodes = [{**node, "state": states.get(node["id"])} for node in graph["nodes"]]
    return {
        "execution_id": found.execution_id,
        "reference": reference_of(found),
        **graph,
        "nodes": nodes,
    }
