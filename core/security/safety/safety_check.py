"""Finds what safety refuses in what is about to be attempted. Pure: it opens and asks nothing.

Command lines and shell texts are looked at closely only when `danger_filter` says that it may be
worthwhile. Programs in other languages, and files that a command runs, are not looked at.
"""

import re
from collections.abc import Callable, Iterable
from typing import Final

from msgspec.structs import replace

from core.security.attempt_request import AttemptRequest
from core.security.safety.danger_filter import may_be_dangerous
from core.security.safety.environment_rule import environment_findings
from core.security.safety.finding import Finding
from core.security.safety.shell.dangerous_place import Places
from core.step_type.intent import Intent

_NAMES: Final = re.compile(r"\$\{?!?(\w+)")

FindPlaces = Callable[[], Places]
"""Returns what is known of the machine; called only when a text may be dangerous."""


def findings(request: AttemptRequest, places: FindPlaces = Places) -> list[Finding]:
    """Return all that safety refuses of an attempt, in the order of what it says."""
    found = environment_findings(
        request.env, request.secret_variables, has_templates=not request.execution_id
    )
    intent = request.intent
    if intent.argv:
        found += _command_findings(request, intent, places)
    return found


def _command_findings(
    request: AttemptRequest, intent: Intent, places: FindPlaces
) -> Iterable[Finding]:
    texts = [" ".join(intent.argv), intent.script or "", intent.stdin or ""]
    whole = "\n".join(text for text in texts if text)
    values = request.environ() if "$" in whole else {}
    used = {name: values[name] for name in _NAMES.findall(whole) if name in values}
    if not may_be_dangerous("\n".join((whole, *used.values()))):
        return ()
    from core.security.safety.shell.shell_mark import cleaned  # few missions need any of it
    from core.security.safety.shell.shell_reader import ShellReader
    from core.security.safety.shell.wrapped_command import SHELLS, program_name

    found = places()
    own = frozenset({request.working_dir})
    reader = ShellReader(
        replace(found, mounts=found.mounts - own),
        (values or request.environ()).get,
        request.working_dir,
    )
    stdin = None if intent.stdin is None else cleaned(intent.stdin)
    if intent.script is not None:
        if program_name(intent.argv[0]) in SHELLS:
            reader.read(intent.script, stdin)
    else:
        reader.read_command([_word(one) for one in intent.argv], stdin)
    return reader.findings


def _word(argument: str) -> str:
    """Return an argument as a word: what was meant for a shell is taken as one would take it."""
    from core.security.safety.shell.shell_mark import HOME, cleaned

    word = cleaned(argument)
    if word == "~" or word.startswith("~/"):
        return HOME + word[1:]
    return word
