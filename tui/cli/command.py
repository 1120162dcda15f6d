"""Declaration of commands: options common to all commands, and groups that import lazily."""

import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem
from msgspec import Struct

from tui.cli.invocation import Invocation, pass_invocation
from tui.host.settings import COLOURS

F = TypeVar("F", bound=Callable[..., Any])

__all__ = ["DeckCommand", "DeckGroup", "command", "finish", "pass_invocation"]


class Lazy(Struct, frozen=True):
    """A command that is imported on first use, and its summary for the list of commands."""

    module: str
    told: str


class DeckCommand(click.Command):
    """A command with `--json`, `--db` and `--color`, which are stored in the `Invocation`."""

    def __init__(
        self, *args: Any, bare_options: Mapping[str, str] | None = None, **attrs: Any
    ) -> None:
        """`bare_options` have a value only after `=`; written without one they have this one."""
        attrs.setdefault("context_settings", {}).setdefault("help_option_names", ["-h", "--help"])
        super().__init__(*args, **attrs)
        self._bare_options = bare_options or {}
        self.params.extend(_common_options())

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Give options that stand alone the value that this means."""
        end = args.index("--") if "--" in args else len(args)
        bare = self._bare_options
        given = [f"{arg}={bare[arg]}" if arg in bare else arg for arg in args[:end]]
        return super().parse_args(ctx, [*given, *args[end:]])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples of the command."""
        from tui.cli.help_pages.command_examples import examples_of  # only help needs them

        super().format_epilog(ctx, formatter)
        examples = examples_of(ctx.command_path)
        if examples:
            with formatter.section("Examples"):
                for line, told in examples:
                    formatter.write(f"{'':>{formatter.current_indent}}{line}\n")
                    formatter.indent()
                    formatter.write_text(told)
                    formatter.dedent()

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; from here on SIGINT raises `KeyboardInterrupt` as usual."""
        is_main = threading.current_thread() is threading.main_thread()
        if is_main and signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        return super().invoke(ctx)


class DeckGroup(click.Group):
    """A group whose commands are modules: `sections` maps a heading to `{name: Lazy}`.

    A module provides its command under the name `command`.
    """

    def __init__(
        self, *args: Any, sections: Mapping[str, Mapping[str, Lazy]] | None = None, **attrs: Any
    ) -> None:
        attrs.setdefault("context_settings", {}).setdefault("help_option_names", ["-h", "--help"])
        super().__init__(*args, **attrs)
        self.sections = sections or {}
        self._lazy = {
            name: lazy for section in self.sections.values() for name, lazy in section.items()
        }

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the sections."""
        return [*self._lazy, *(n for n in super().list_commands(ctx) if n not in self._lazy)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command's module."""
        lazy = self._lazy.get(cmd_name)
        if lazy is None:
            return super().get_command(ctx, cmd_name)
        found: click.Command = import_module(lazy.module).command
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or suggest similar ones."""
        name = args[0]
        if not name.startswith("-") and self.get_command(ctx, name) is None:
            from difflib import get_close_matches

            near = get_close_matches(name, self.list_commands(ctx), n=2)
            meant = f" Did you mean {' or '.join(f'`{one}`' for one in near)}?" if near else ""
            raise click.UsageError(f"No such command {name!r}.{meant}", ctx)
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Offer the commands without importing them."""
        if not self.sections:
            return super().shell_complete(ctx, incomplete)
        offered = [
            CompletionItem(name, help=lazy.told)
            for name, lazy in self._lazy.items()
            if name.startswith(incomplete)
        ]
        return [*offered, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands grouped by section, without importing them."""
        if not self.sections:
            super().format_commands(ctx, formatter)
            return
        widest = max(map(len, self._lazy))
        for heading, section in self.sections.items():
            rows = [(name.ljust(widest), lazy.told) for name, lazy in section.items()]
            with formatter.section(heading):
                formatter.write_dl(rows)


def command(name: str, **attrs: Any) -> Callable[[F], DeckCommand]:
    """Declare a command; its function takes the `Invocation` first."""

    def declare(function: F) -> DeckCommand:
        return click.command(name, cls=DeckCommand, **attrs)(pass_invocation(function))

    return declare


def finish(code: int) -> None:
    """End the command with an exit code; 0 does nothing."""
    if code:
        raise click.exceptions.Exit(code)


def _common_options() -> Sequence[click.Option]:
    return (
        click.Option(
            ["--json", "as_json"],
            is_flag=True,
            expose_value=False,
            callback=_note_json,
            help="Write machine-readable output (JSON).",
        ),
        database_option(),
        colour_option(),
    )


def database_option() -> click.Option:
    """Return `--db`."""
    return click.Option(
        ["--db"],
        metavar="PATH",
        expose_value=False,
        callback=_note_database,
        help="Use this database (also MISSION_DB).",
    )


def colour_option() -> click.Option:
    """Return `--color`."""
    return click.Option(
        ["--color"],
        type=click.Choice(COLOURS),
        expose_value=False,
        callback=_note_colour,
        help="Colour the output; auto: on a terminal, unless NO_COLOR is set.",
    )


def _note_json(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value:
        invocation_of(ctx).json = True


def _note_database(ctx: click.Context, _param: click.Parameter, value: str | None) -> None:
    if value is not None:
        invocation_of(ctx).database = value


def _note_colour(ctx: click.Context, _param: click.Parameter, value: str | None) -> None:
    if value is not None:
        invocation_of(ctx).colour = value


def invocation_of(ctx: click.Context) -> Invocation:
    """Return the invocation that a command belongs to."""
    found = ctx.find_object(Invocation)
    if found is None:  # a command run directly by click, for completion and documentation
        found = Invocation.from_process()
        ctx.obj = found
    return found
