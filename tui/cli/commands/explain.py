"""`mission explain`."""

from collections.abc import Iterator

import click
from click.shell_completion import CompletionItem

from core.errors import MissionDeckError, NotFoundError
from tui.cli.command import command as declare
from tui.cli.exit_code import EXIT_CODES
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

    A topic is a section (config), a key (steps.when), a step type (http), templates, a reason
    code (EXIT_NONZERO; `reasons` lists them), a diagnostic code (CYCLE; `codes` lists them), or the
    code of an error (NOT_FOUND).
    """
    from core.mission_file.explain import explain, topics

    try:
        text = explain(topic or "mission")
    except NotFoundError:
        if (found_text := _of_error(topic or "")) is None:
            raise
        text = found_text
    if not invocation.json:
        invocation.console.out(text.rstrip("\n"))
        return
    found: dict[str, object] = {"topic": topic or "mission", "text": text}
    if topic is None:
        found["topics"] = topics()
    invocation.console.out_json(found)


def _of_error(code: str) -> str | None:
    """Return when a command ends with the error of this code; None if there is no such code."""
    for kind in _kinds_of(MissionDeckError):
        if kind.code == code.upper():
            what = (kind.__doc__ or "").partition("\n")[0].removeprefix("Raised ")
            return (
                f"{kind.code}: an error that ends a command with exit code {kind.exit_code}:"
                f" {what}\n\n{kind.exit_code}: {EXIT_CODES[kind.exit_code][1]}\n"
            )
    return None


def _kinds_of(base: type[MissionDeckError]) -> Iterator[type[MissionDeckError]]:
    for kind in base.__subclasses__():
        yield kind
        yield from _kinds_of(kind)
