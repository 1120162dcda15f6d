"""Features of the language that are not supported yet: parsed and refused, never ignored.

To enable one, implement it and remove its entry; nothing else has to change.
"""

from core.mission_file.finding.code import Code
from core.mission_file.finding.problem import Path, Problems

NOT_YET = frozenset(
    {
        "durability: relaxed",
    }
)
"""Features of mission and step keys."""

LANGUAGE_TYPES = (
    "noop",
    "log",
    "fail",
    "finish",
    "wait",
    "wait_for",
    "command",
    "script",
    "create_file",
    "append_file",
    "edit_file",
    "copy_file",
    "move_file",
    "delete_file",
    "read_file",
    "list_directory",
    "file_search",
    "checksum",
    "compress",
    "extract",
    "http",
    "sql_query",
    "parse_json",
    "parse_yaml",
    "parse_csv",
    "validate_schema",
    "transform",
    "set_variables",
    "assert",
    "approval",
    "mission",
    "group",
    "tool",
    "llm",
)
"""All step types of the language; those the registry does not have are not supported yet."""


def refuse_unsupported(
    feature: str, path: Path, problems: Problems, *, on_key: bool = True
) -> None:
    """Report a feature that is not supported yet; do nothing for any other."""
    if feature in NOT_YET:
        problems.error(Code.NOT_SUPPORTED, f"{feature} is not supported yet", path, on_key=on_key)
