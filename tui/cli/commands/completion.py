"""`mission completion`."""

import click
from click.shell_completion import get_completion_class

from tui.cli.command import command as declare
from tui.cli.completion.shell import register
from tui.cli.invocation import Invocation

VARIABLE = "_MISSION_COMPLETE"
SHELLS = ("bash", "zsh", "fish")
_HOW = {
    "bash": 'eval "$(mission completion bash)"   # in ~/.bashrc',
    "zsh": 'eval "$(mission completion zsh)"   # in ~/.zshrc, after compinit',
    "fish": "mission completion fish > ~/.config/fish/completions/mission.fish",
}


@declare("completion")
@click.argument("shell", type=click.Choice(SHELLS))
def command(invocation: Invocation, shell: str) -> None:
    """Print the completion script for SHELL: commands, options, executions and steps.

    For bash, `eval "$(mission completion bash)"` in ~/.bashrc.

    For zsh, `eval "$(mission completion zsh)"` in ~/.zshrc, after compinit.

    For fish, `mission completion fish > ~/.config/fish/completions/mission.fish`.
    """
    script = completion_script(shell)
    if invocation.json:
        invocation.console.out_json({"shell": shell, "script": script, "install": _HOW[shell]})
    else:
        invocation.console.out_raw(f"{script}\n")


def completion_script(shell: str) -> str:
    """Return the completion script of a shell."""
    from tui.cli.commands_table import root

    register()
    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"click does not support completion in {shell}")
    return kind(root, {}, "mission", VARIABLE).source()
