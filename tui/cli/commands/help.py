"""`mission help`."""

from collections.abc import Sequence

import click
from click.shell_completion import CompletionItem

from core.errors import NotFoundError
from core.value.suggestion import did_you_mean
from tui.cli.command import command as declare
from tui.cli.help_pages.docs_pages import TOOLS, pages
from tui.cli.help_pages.help_topics import TOPICS, topic_lines
from tui.cli.invocation import Invocation


def _complete(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer commands and topics; after a group its commands."""
    before = ctx.params.get("topic") or ()
    group: click.Command | None = ctx.find_root().command
    for word in before if isinstance(before, tuple) else ():
        group = group.get_command(ctx, word) if isinstance(group, click.Group) else None
    names = group.list_commands(ctx) if isinstance(group, click.Group) else []
    topics = () if before else (*TOPICS, *TOOLS, *(pages() if incomplete else ()))
    return [CompletionItem(name) for name in (*names, *topics) if name.startswith(incomplete)]


@declare("help")
@click.argument("topic", metavar="[COMMAND|TOPIC]", nargs=-1, shell_complete=_complete)
@click.pass_context
def command(ctx: click.Context, invocation: Invocation, topic: tuple[str, ...]) -> None:
    """Show the help of a command, or of a topic: executions, where, airflow, docs/settings.md, ...

    Without an argument it lists all commands and topics.
    """
    lines = topic_lines(topic[0]) if len(topic) == 1 else None
    text = "\n".join(lines) if lines is not None else _help_of(ctx.find_root(), topic)
    if not topic:
        width = max(map(len, TOPICS))
        told = [f"  {name.ljust(width)}  {what}" for name, (what, _) in TOPICS.items()]
        text = "\n".join((text, "", "Topics:", *told))
    if invocation.json:
        invocation.console.out_json({"topic": " ".join(topic), "text": text})
    else:
        invocation.console.out(text)


def _help_of(root: click.Context, words: Sequence[str]) -> str:
    """Return the help of a command by its words; `NotFoundError` with near misses in the hint."""
    found, context = root.command, root
    for word in words:
        inner = found.get_command(context, word) if isinstance(found, click.Group) else None
        if inner is None:
            names = found.list_commands(context) if isinstance(found, click.Group) else []
            known = (*names, *((*TOPICS, *TOOLS, *pages()) if found is root.command else ()))
            raise NotFoundError(
                f"there is no command or topic {' '.join(words)!r}",
                hint=did_you_mean(word, known) or "`mission help` lists them",
            )
        context = click.Context(inner, info_name=word, parent=context, **inner.context_settings)
        found = inner
    return found.get_help(context)
