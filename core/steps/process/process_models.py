"""The models of command and script: their parameters and their output."""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, Field

from core.step_type.parameter_model import StepParameters
from core.step_type.parameter_text import scalar_text
from core.step_type.parameter_types import Printable, Text
from core.step_type.plain_parameters import (
    MAX_OUTPUT_BYTES,
    OUTPUT_BYTES_LIMIT,
    OutputForm,
    Shell,
)

OutputPath = Annotated[
    str,
    BeforeValidator(scalar_text, json_schema_input_type=str),
    Field(min_length=1, max_length=4096),
]


def _one_or_more(value: object) -> object:
    return [value] if isinstance(value, int) else value


class ProcessParameters(StepParameters):
    """Common parameters of command and script."""

    working_dir: str | None = Field(
        default=None,
        min_length=1,
        description="its working directory: relative to the step's, inside the mission's",
    )
    stdin: Printable | None = Field(
        default=None, description="its standard input; lists and objects are passed as JSON"
    )
    expect_exit: Annotated[list[int], BeforeValidator(_one_or_more)] = Field(
        default_factory=lambda: [0],  # a list as default would be copied deeply for every attempt
        min_length=1,
        description="the exit codes that are success",
        json_schema_extra={"default": [0]},
    )
    output: OutputForm = Field(default="text", description="how to parse stdout into `parsed`")
    stdout_to: OutputPath | None = Field(
        default=None,
        description="a file below its working directory that gets its standard output, secrets"
        " masked",
    )
    stderr_to: OutputPath | None = Field(
        default=None, description="a file that gets its standard error; may be the same"
    )
    max_output_bytes: int = Field(
        default=MAX_OUTPUT_BYTES,
        ge=0,
        le=OUTPUT_BYTES_LIMIT,
        description="the most bytes of stdout and of stderr in the output; the log has the rest",
    )


class CommandParameters(ProcessParameters):
    """Parameters of command."""

    command: Text = Field(min_length=1, description="the program: a name on PATH, or a path")
    args: list[Text] = Field(
        default_factory=list,
        description="its arguments, passed unchanged, without a shell",
        json_schema_extra={"default": []},
    )


class ScriptParameters(ProcessParameters):
    """Parameters of script."""

    script: str = Field(
        min_length=1, description="the script; values are passed as environment variables"
    )
    shell: Shell = Field(
        default="bash",
        description="the interpreter; bash and zsh run with -eo pipefail, other shells with -e",
    )


class ProcessOutput(BaseModel):
    """Output of command and script."""

    exit_code: int = Field(description="the exit code; -N for death by signal N")
    stdout: str = Field(description="standard output, as UTF-8")
    stderr: str = Field(description="standard error, as UTF-8")
    parsed: Any = Field(
        description="with output: json the value, with output: lines a list, otherwise null"
    )
    truncated: bool = Field(description="whether stdout or stderr exceeded max_output_bytes")
    values: dict[str, str] = Field(description="what it wrote to `$MISSION_OUTPUT`, by key")
