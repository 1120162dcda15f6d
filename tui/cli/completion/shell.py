"""The completion script of each shell, and the protocol between script and command.

The script passes the words before the cursor; the answer has one line per completion: its kind
(`open` if no space may follow it), value and help, separated by tabs.
"""

import os
import re
import shlex
from typing import Any, ClassVar

from click.shell_completion import CompletionItem, ShellComplete, add_completion_class

from tui.cli.completion.completions import OPEN

WORDS = "_MISSION_WORDS"
BREAKS = "_MISSION_BREAKS"
_SPECIAL = re.compile(r"([^\w@%+=:,./~#\[\]-])")

_BASH = """\
%(complete_func)s() {
    local kind value help
    COMPREPLY=()
    while IFS=$'\\t' read -r kind value help; do
        [[ -n $value ]] && COMPREPLY+=("$value")
        [[ $kind == open ]] && compopt -o nospace
    done < <(%(complete_var)s=bash_complete _MISSION_WORDS="${COMP_LINE:0:COMP_POINT}" \
_MISSION_BREAKS="$COMP_WORDBREAKS" "$1" 2>/dev/null)
}
complete -o nosort -F %(complete_func)s %(prog_name)s
"""

_ZSH = """\
#compdef %(prog_name)s
%(complete_func)s() {
    local -a plain told open
    local kind value help
    while IFS=$'\\t' read -r kind value help; do
        if [[ $kind == open ]]; then
            open+=("$value")
        elif [[ -n $value ]]; then
            plain+=("$value")
            told+=("${value}${help:+  -- $help}")
        fi
    done < <(%(complete_var)s=zsh_complete _MISSION_WORDS="${(F)${(@Q)words[1,CURRENT]}}" \
${words[1]} 2>/dev/null)
    (( $#plain )) && compadd -V missions -l -d told -a -- plain
    (( $#open )) && compadd -V folders -S '' -a -- open
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    %(complete_func)s "$@"
else
    compdef %(complete_func)s %(prog_name)s
fi
"""

_FISH = """\
function %(complete_func)s
    set -l current (commandline -ct)
    set -l words (commandline -opc)
    set -l answer (%(complete_var)s=fish_complete \
_MISSION_WORDS=(string join \\n -- $words "$current" | string collect) \
%(prog_name)s 2>/dev/null)
    for line in $answer
        set -l parts (string split \\t -- $line)
        test -n "$parts[2]"; and printf '%%s\\t%%s\\n' $parts[2] "$parts[3]"
    end
end
complete --command %(prog_name)s --no-files --keep-order --arguments '(%(complete_func)s)'
"""


class _Shell(ShellComplete):
    """Common protocol of the shells: one word per line in, whole values out."""

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the words after the program's name, and the word being typed."""
        words = os.environ.get(WORDS, "").split("\n")
        return words[1:-1], words[-1] if len(words) > 1 else ""

    def complete(self) -> str:
        """Return the answer."""
        args, incomplete = self.get_completion_args()
        lines = []
        for item in self.get_completions(args, incomplete):
            if item.type not in ("plain", OPEN):
                continue
            value = self.spelled(str(item.value), incomplete)
            told = " ".join(str(item.help or "").split())
            lines.append("\t".join((item.type, value, told)))
        return "\n".join(lines)

    def spelled(self, value: str, incomplete: str) -> str:
        """Return a value as the shell must insert it in place of the typed word."""
        option, equals, _ = incomplete.partition("=")
        if equals and option.startswith("--") and not value.startswith(option + equals):
            return f"{option}={value}"
        return value

    def format_completion(self, item: CompletionItem) -> str:
        """Return one line; required by click, but `complete` builds the lines itself."""
        return f"{item.type}\t{item.value}\t{item.help or ''}"


class BashShell(_Shell):
    """bash: replaces only the text after the last word break, and does not quote values."""

    name: ClassVar[str] = "bash"
    source_template: ClassVar[str] = _BASH

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the words of the line up to the cursor, split as bash does."""
        line = os.environ.get(WORDS, "")
        words, self._quote = _split(line)
        self._is_quoted = line.endswith(("'", '"'))
        """Whether the word ends with a closing quote: bash then replaces all of it, too."""
        if not words or (line[-1:].isspace() and not self._quote and not line.endswith("\\ ")):
            words.append("")
        return words[1:-1], words[-1] if len(words) > 1 else ""

    def spelled(self, value: str, incomplete: str) -> str:
        """Return the text to insert after the last word break, with special characters quoted."""
        whole = super().spelled(value, incomplete)
        if self._quote:
            return whole
        if self._is_quoted:
            return _SPECIAL.sub(r"\\\1", whole)
        breaks = os.environ.get(BREAKS, "\"'><=;|&(:").replace("@", "")
        cut = max((incomplete.rfind(one) for one in breaks), default=-1) + 1
        return _SPECIAL.sub(r"\\\1", whole[cut:])


class ZshShell(_Shell):
    """zsh: quotes inserted values itself, but leaves a quote that is not closed yet in the word."""

    name: ClassVar[str] = "zsh"
    source_template: ClassVar[str] = _ZSH

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the words, the last one without an open quote."""
        words, incomplete = super().get_completion_args()
        return words, incomplete[1:] if incomplete.startswith(("'", '"')) else incomplete


class FishShell(_Shell):
    """fish: quotes inserted values itself, but passes the word being typed as it is typed."""

    name: ClassVar[str] = "fish"
    source_template: ClassVar[str] = _FISH

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the words, the last one without quotes and backslashes."""
        words, incomplete = super().get_completion_args()
        return words, " ".join(_split(incomplete)[0])


def _split(line: str) -> tuple[list[str], str]:
    """Return the words of a line as a shell reads them, and the quote that is open at its end."""
    for closing in ("", "'", '"'):
        try:
            return shlex.split(line + closing), closing
        except ValueError:
            continue
    return line.split(), ""


def register() -> None:
    """Register these classes with click."""
    kinds: tuple[Any, ...] = (BashShell, ZshShell, FishShell)
    for kind in kinds:
        add_completion_class(kind)
