"""The keys of `defaults`: values for the steps, handlers too, that do not have their own."""

from typing import Any

from core.mission_file.finding.problem import Path, Problems
from core.mission_file.finding.value_check import Key, check_mapping, one_of_words
from core.mission_file.keys.step.step_keys import STEP_KEYS
from core.step_type.plain_parameters import SCRIPT_SHELLS

DEFAULT_KEYS = {
    "shell": Key(
        check=one_of_words(SCRIPT_SHELLS),
        doc="The interpreter of scripts.",
        schema={"enum": list(SCRIPT_SHELLS)},
        default="bash",
        example="sh",
    ),
    **{
        name: STEP_KEYS[name]
        for name in ("env", "working_dir", "timeout_seconds", "retry", "limits", "idempotent")
    },
}


def check_defaults(value: Any, path: Path, problems: Problems) -> Any:
    """Check `defaults`; the values themselves are used by `core.mission_file.keys.shorthand`."""
    return check_mapping(value, path, problems, DEFAULT_KEYS, "`defaults`")
