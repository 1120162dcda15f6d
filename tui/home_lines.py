"""What home says of missions and executions, as lines and parts of bars. Pure: from records."""

from collections.abc import Sequence

from core.duration import duration_text
from core.model import Execution
from core.states import ExecutionState
from tui.backend import MissionFile, Surroundings
from tui.format import sparkline
from tui.glyph import look
from tui.plan_lines import finding_line
from tui.text import clean_line
from tui.titles import Parts
from tui.widgets.bar import Part
from tui.widgets.text_view import Line

SHOWN_FINDINGS = 20
HISTORY = 20
"""Runs of a mission that its history tells of."""


def home_parts(here: Surroundings, live: int) -> Parts:
    """Return the first line: how much runs; who looks at which database."""
    left = [
        Part(" mission deck", ink="strong"),
        Part("  "),
        Part(
            f"▶ {live} running" if live else "nothing running",
            ink="state:RUNNING" if live else "muted",
        ),
    ]
    right = [
        Part(f"{clean_line(here.actor)} ", ink="muted", rank=1),
        Part(f" {clean_line(here.database)} ", ink="faint", rank=2),
    ]
    return left, right


def pane_parts(number: int, panes: Sequence[str], note: str, wanted: str, *, alone: bool) -> Parts:
    """Return the title of pane `number` of two; the other's, where there is room for one only."""
    pane, other = panes[number - 1], panes[2 - number]
    left = [
        Part(f" {number} ", ink="accent", action=f"show_pane('{pane}')"),
        Part(pane.capitalize(), ink="strong", action=f"show_pane('{pane}')"),
        Part(f" {note} ", ink="muted"),
    ]
    if wanted:
        left.append(Part(f" /{clean_line(wanted)} ", ink="accent"))
    right = [
        Part(f"{3 - number} ", ink="accent", action=f"show_pane('{other}')"),
        Part(f"{other.capitalize()} ", ink="muted", action=f"show_pane('{other}')"),
    ]
    return left, right if alone else []


def mission_lines(mission: MissionFile, executions: Sequence[Execution]) -> list[Line]:
    """Return where a mission is, what is wrong with it, what it takes, and how it went before."""
    lines: list[Line] = [[(clean_line(mission.path), "faint")]]
    if mission.description:
        lines.append([(clean_line(mission.description), "muted")])
    lines += map(finding_line, mission.findings[:SHOWN_FINDINGS])
    if mission.params:
        names = ", ".join(clean_line(param.name) for param in mission.params)
        lines.append([("params ", "faint"), (names, "muted")])
    lines.append(_history(mission, executions))
    return lines


def _history(mission: MissionFile, executions: Sequence[Execution]) -> Line:
    runs = [e for e in executions if e.mission_name == mission.name]
    past = [e for e in runs if e.ended_at is not None and e.started_at is not None][:HISTORY]
    if not past:
        return [("never run: press ", "muted"), ("n", "accent"), (" to launch it", "muted")]
    ended = [((e.ended_at or 0) - (e.started_at or 0)) / 1e9 for e in reversed(past)]
    good = sum(e.state is ExecutionState.SUCCESS for e in past)
    told = f"last {len(ended)}: {good} done, latest took {duration_text(ended[-1])}"
    return [(sparkline(ended) + " ", "accent"), (told, "muted")]


def fits(execution: Execution, word: str) -> bool:
    """Tell whether an execution passes one word of a filter, in lower case."""
    key, colon, value = word.partition(":")
    if colon and key == "state":
        return execution.state.value.lower().startswith(value) or look(
            execution.state
        ).word.startswith(value)
    haystack = f"{execution.mission_name} {execution.execution_id} {execution.actor}"
    return word in haystack.lower() or execution.state.value.lower().startswith(word)
