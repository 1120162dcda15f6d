"""What a mission file is told: one finding at one place. Knows no format to show it in."""

from enum import StrEnum

from msgspec import Struct

from core.mission_file.finding.code import Code


class Severity(StrEnum):
    """How bad it is: an error keeps the mission from running."""

    ERROR = "error"
    WARNING = "warning"


class Diagnostic(Struct, frozen=True, kw_only=True):
    """One finding. Lines and columns count from 1, columns in characters; 0 means the file itself.

    `source_line` is the line, or the part of a long line around the place; `caret` is the offset of
    the place in it and `length` how many characters of it are meant.
    """

    severity: Severity
    code: Code
    message: str
    file: str
    line: int = 0
    column: int = 0
    hint: str | None = None
    source_line: str | None = None
    caret: int = 0
    length: int = 1
