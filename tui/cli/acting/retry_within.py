"""The retry of steps of an execution that still runs: its runner does it, within the execution."""

from collections.abc import Sequence

from core.domain.records import Execution
from core.domain.state_word import counted
from core.domain.states import TaskState
from core.ports.control import RequestKind
from core.ports.reader import Reader
from tui.cli.invocation import Invocation
from tui.cli.runner_request import print_request, request_json, send_request
from tui.words.run_label import full_label
from tui.words.safe_text import safe_line

_MAX_NAMES = 20


def retry_within(
    invocation: Invocation,
    reader: Reader,
    found: Execution,
    steps: Sequence[str],
    *,
    downstream: bool,
    reason: str,
) -> None:
    """Ask the runner to retry steps, one request per step."""
    arguments = {"downstream": downstream, "reason": reason}
    done = []
    for step in steps:
        asked = send_request(
            invocation, reader, found, RequestKind.RETRY, task_id=step, arguments=arguments
        )
        done.append(request_json(asked))
        if not invocation.json:
            print_request(invocation, asked)
    if invocation.json:
        invocation.console.out_json({"requests": done})
    elif not downstream:
        _tell_left_skipped(invocation, reader, found, steps)


def show_retry_within(
    invocation: Invocation, found: Execution, steps: Sequence[str], *, downstream: bool
) -> None:
    """Show which steps would be retried, and ask nobody for it."""
    if invocation.json:
        facts = {"within": found.execution_id, "run": list(steps), "downstream": downstream}
        invocation.console.out_json(facts)
        return
    after = ", and what depends on them" if downstream else ""
    label = safe_line(full_label(found))
    invocation.console.out(
        f"runs again within {label}: {counted(len(steps), 'step')}: {named(steps)}{after}"
    )


def named(names: Sequence[str]) -> str:
    """Return the names as one text; of many the first ones, and how many more there are."""
    shown = ", ".join(safe_line(name) for name in names[:_MAX_NAMES])
    return f"{shown} and {len(names) - _MAX_NAMES} more" if len(names) > _MAX_NAMES else shown


def _tell_left_skipped(
    invocation: Invocation, reader: Reader, found: Execution, chosen: Sequence[str]
) -> None:
    """Report steps that stay skipped although the steps they depend on are retried."""
    from core.graph.dag import Graph
    from core.operations.recorded_mission import mission_of

    mission = mission_of(reader, found)
    if mission is None:
        return
    graph = Graph.of(mission)
    behind = {name for step in chosen if step in graph.ids for name in graph.descendants(step)}
    _, tasks = reader.task_states(found.execution_id)
    left = [t.task_id for t in tasks if t.task_id in behind and t.state is TaskState.SKIPPED]
    if left:
        stay = "stays" if len(left) == 1 else "stay"
        invocation.console.say(
            f"{counted(len(left), 'dependent step')} {stay} skipped: --downstream retries them too"
        )
