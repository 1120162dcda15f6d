"""Steps that parse structured text: parse_json, parse_yaml, parse_csv."""

import csv
import io
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BaseModel, Field

from core.domain.reasons import Reason
from core.step_type.json_text import JsonTextError, check_surrogates, parse_json_text
from core.step_type.parameter_model import StepParameters
from core.step_type.step_type import Mode, StepCall, StepOutcome, StepType, clip
from core.steps.file.file_step import shown_size

_ERRORS_SHOWN = 5
_DELIMITERS = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|"}


class ParseParameters(StepParameters):
    """Parameters of parse_json and parse_yaml."""

    content: str = Field(description="the text to parse")


class ParseOutput(BaseModel):
    """Output of parse_json and parse_yaml."""

    parsed: Any = Field(description="the data")
    valid: bool = Field(description="always true: invalid text fails the step")


class ParseJson(StepType):
    """Parses JSON text. Of duplicate keys, the last one wins."""

    name: ClassVar[str] = "parse_json"
    mode: ClassVar[Mode] = Mode.BLOCKING
    parameters: ClassVar[type[StepParameters]] = ParseParameters
    output: ClassVar[type[BaseModel]] = ParseOutput
    summary: ClassVar[str] = "Parse JSON text"

    def run(self, call: StepCall) -> StepOutcome:
        """Parse the text; an error names line and column."""
        parameters: ParseParameters = call.parameters
        try:
            parsed = parse_json_text(parameters.content)
        except JsonTextError as error:
            return StepOutcome.failure(Reason.STEP_ERROR, f"not JSON: {error}", "parse")
        return StepOutcome.success({"parsed": parsed, "valid": True})

    def describe(self, parameters: Mapping[str, Any]) -> str:
        """Describe how much would be parsed."""
        return clip(f"would parse {shown_size(parameters.get('content'))} as JSON")


class ParseYaml(StepType):
    """Parses one YAML document by the rules and limits of mission files (YAML 1.2, no tags)."""

    name: ClassVar[str] = "parse_yaml"
    mode: ClassVar[Mode] = Mode.BLOCKING
    parameters: ClassVar[type[StepParameters]] = ParseParameters
    output: ClassVar[type[BaseModel]] = ParseOutput
    summary: ClassVar[str] = "Parse YAML text"

    def run(self, call: StepCall) -> StepOutcome:
        """Parse the text; errors name line and column."""
        from core.mission_file.finding.problem import Problems
        from core.mission_file.reading.yaml_reader import read_yaml

        parameters: ParseParameters = call.parameters
        problems = Problems()
        try:
            check_surrogates(parameters.content)  # libyaml wants UTF-8
            parsed = read_yaml(parameters.content, problems)
            check_surrogates(parsed)
        except JsonTextError as error:
            return StepOutcome.failure(Reason.STEP_ERROR, f"not YAML: {error}", "parse")
        if problems.has_errors:
            found = problems.diagnostics("content", parameters.content, lambda _: {})
            shown = [f"line {at.line}, column {at.column}: {at.message}" for at in found]
            if len(shown) > _ERRORS_SHOWN:
                shown[_ERRORS_SHOWN:] = [f"and {len(shown) - _ERRORS_SHOWN} more"]
            return StepOutcome.failure(Reason.STEP_ERROR, f"not YAML: {'; '.join(shown)}", "parse")
        return StepOutcome.success({"parsed": parsed, "valid": True})

    def describe(self, parameters: Mapping[str, Any]) -> str:
        """Describe how much would be parsed."""
        return clip(f"would parse {shown_size(parameters.get('content'))} as YAML")


def parse_delimiter(value: str) -> str:
    """Return the field separator, which is one character; `tab` and others are accepted names."""
    delimiter = _DELIMITERS.get(value, value)
    if len(delimiter) != 1 or delimiter in '\r\n"':
        raise ValueError("a delimiter is one character, or tab, comma, semicolon, pipe")
    return delimiter


class CsvParameters(StepParameters):
    """Parameters of parse_csv."""

    content: str = Field(description="the text to parse")
    delimiter: Annotated[str, AfterValidator(parse_delimiter)] = Field(
        default=",", description="the field separator: one character, or tab, semicolon, pipe"
    )
    header: bool = Field(
        default=True,
        description="whether the first row has the column names; false: records are lists",
    )


class CsvOutput(BaseModel):
    """Output of parse_csv."""

    headers: list[str] = Field(description="the names of the columns; empty without a header row")
    records: list[dict[str, str] | list[str]] = Field(
        description="the rows as objects, or as lists without a header row; fields are texts"
    )
    row_count: int = Field(description="the number of rows without the header row")
    valid: bool = Field(description="always true: invalid text fails the step")


class ParseCsv(StepType):
    """Parses CSV (RFC 4180). Empty lines are skipped; all rows must have the same field count."""

    name: ClassVar[str] = "parse_csv"
    mode: ClassVar[Mode] = Mode.BLOCKING
    parameters: ClassVar[type[StepParameters]] = CsvParameters
    output: ClassVar[type[BaseModel]] = CsvOutput
    summary: ClassVar[str] = "Parse CSV text into records"

    def run(self, call: StepCall) -> StepOutcome:
        """Parse the text; an error names the line."""
        parameters: CsvParameters = call.parameters
        text = parameters.content.removeprefix("\ufeff")
        reader = csv.reader(
            io.StringIO(text, newline=""), delimiter=parameters.delimiter, strict=True
        )
        try:
            rows = _rows(reader)
            headers = _headers(rows) if parameters.header and rows else []
        except csv.Error as error:
            message = f"not CSV: line {max(reader.line_num, 1)}: {error}"
            return StepOutcome.failure(Reason.STEP_ERROR, message, "parse")
        records: list[Any] = (
            [dict(zip(headers, row, strict=True)) for row in rows] if headers else rows
        )
        return StepOutcome.success(
            {"headers": headers, "records": records, "row_count": len(rows), "valid": True}
        )

    def describe(self, parameters: Mapping[str, Any]) -> str:
        """Describe how much would be parsed."""
        return clip(f"would parse {shown_size(parameters.get('content'))} as CSV")


def _rows(reader: Iterable[list[str]]) -> list[list[str]]:
    rows: list[list[str]] = []
    for row in reader:
        if not row:
            continue
        if rows and len(row) != len(rows[0]):
            raise csv.Error(f"{len(row)} fields, the first row has {len(rows[0])}")
        rows.append(row)
    return rows


def _headers(rows: list[list[str]]) -> list[str]:
    """Remove the header row and return its names; `csv.Error` for duplicates."""
    headers = rows.pop(0)
    seen: set[str] = set()
    for name in headers:
        if name in seen:
            raise csv.Error(f"two columns are named {name!r}")
        seen.add(name)
    return headers
