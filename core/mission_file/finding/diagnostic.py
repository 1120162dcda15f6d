"""One diagnostic of a mission file: what is wrong, and where. Knows no output format."""

from enum import StrEnum

from msgspec import Struct

from core.mission_file.finding.code import Code


class Severity(StrEnum):
    """An error keeps the mission from running, a warning does not."""

    ERROR = "error"
    WARNING = "warning"


class Diagnostic(Struct, frozen=True, kw_only=True):
    """One finding. Lines and columns count from 1, columns in characters; 0 means the file itself.

    `source_line` is the line, or the part of a long line around the place; `caret` is the offset of
    the place in it and `length` how many characters to underline.
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
