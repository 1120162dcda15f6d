"""The mission of one command, for a run without a mission file."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

_TEMPLATE = re.compile(r"\{[{%#]")
_NOT_ID = re.compile(r"[^A-Za-z0-9_.-]+")
MAX_ID_CHARACTERS = 100


def single_step_mission(
    command: Sequence[str], *, name: str | None, env: Mapping[str, str], timeout: float | None
) -> bytes:
    """Return the JSON of a mission with one step that runs `command`, program and arguments.

    The words reach the program exactly as they are: what looks like a template is passed by way of
    a variable. The mission is called `name`, or like the program.
    """
    step_id = _id_of(PurePath(command[0]).name)
    variables: dict[str, str] = {}

    def literal(text: str) -> str:
        if not _TEMPLATE.search(text):
            return text
        word = f"word_{len(variables) + 1}"
        variables[word] = text
        return f"{{{{ vars.{word} }}}}"

    program, *arguments = map(literal, command)
    step: dict[str, Any] = {
        "id": step_id,
        "name": step_id,
        "step_type": "command",
        "parameters": {"command": program, "args": arguments},
    }
    if env:
        step["env"] = {key: literal(value) for key, value in env.items()}
    if timeout is not None:
        step["timeout_seconds"] = timeout
    mission: dict[str, Any] = {"version": "1.0", "name": name or step_id}
    if variables:
        mission["variables"] = variables
    mission["steps"] = [step]
    return json.dumps(mission, indent=1).encode()


def _id_of(program: str) -> str:
    found = _NOT_ID.sub("-", program).strip("-")[:MAX_ID_CHARACTERS]
    return found if found[:1].isalpha() else "command"
