"""`mission explain`."""

import click
from click.shell_completion import CompletionItem

from tui.cli.command import command as declare
from tui.cli.invocation import Invocation


def _complete(
    _ctx: click.Context, _param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    from core.mission_file.explain import topics

    return [
        CompletionItem(topic) for topic in topics() if topic.lower().startswith(incomplete.lower())
    ]


@declare("explain")
@click.argument("topic", required=False, shell_complete=_complete)
def command(invocation: Invocation, topic: str | None) -> None:
    """Explain TOPIC; without it, the structure of a mission file.

    A topic is a section (config), a key (steps.when), a step type (step.http), templates, a reason
    code (EXIT_NONZERO; `reasons` lists them), or a diagnostic code (CYCLE; `codes` lists them).
    """
    from core.mission_file.explain import explain, topics

    text = explain(topic or "mission")
    if not invocation.json:
        invocation.console.out(text.rstrip("\n"))
        return
    found: dict[str, object] = {"topic": topic or "mission", "text": text}
    if topic is None:
        found["topics"] = topics()
    invocation.console.out_json(found)
