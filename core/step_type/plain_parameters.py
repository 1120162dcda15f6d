"""The plain form of the parameters of common step types: what needs no conversion and no pydantic.

What fits here is valid for the model of the type and has the same values there; a test compares
the two. Everything else is left to the models: other notations, and all that is wrong, of which
they say more.
"""

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import Meta, Struct, field

from core.domain.records import LogLevel
from core.value.conversion import converter
from core.value.duration import MAX_SECONDS

MAX_OUTPUT_BYTES = 256 * 1024
OUTPUT_BYTES_LIMIT = 1024 * 1024
FAIL_MESSAGE = "failed on purpose"

Shell = Literal["bash", "sh", "dash", "zsh", "ksh", "python", "python3", "node", "perl", "ruby"]
SCRIPT_SHELLS: tuple[str, ...] = get_args(Shell)
OutputForm = Literal["text", "json", "lines"]

_UTF8 = "\\A[^\ud800-\udfff]*\\Z"
"""Of a text that UTF-8 can hold: the models refuse lone surrogates."""

PlainText = Annotated[str, Meta(pattern=_UTF8)]
PlainPath = Annotated[str, Meta(pattern=_UTF8, min_length=1, max_length=4096)]
RequiredText = Annotated[str, Meta(pattern=_UTF8, min_length=1)]


class _Plain(Struct, frozen=True, forbid_unknown_fields=True):
    """Base of the plain forms."""


class _Noop(_Plain, frozen=True, kw_only=True):
    message: PlainText | None = None
    level: LogLevel = LogLevel.INFO


class _Log(_Plain, frozen=True, kw_only=True):
    message: PlainText
    level: LogLevel = LogLevel.INFO


class _Fail(_Plain, frozen=True, kw_only=True):
    message: PlainText = FAIL_MESSAGE
    level: LogLevel = LogLevel.ERROR


class _Wait(_Plain, frozen=True, kw_only=True):
    seconds: Annotated[float, Meta(ge=0, le=MAX_SECONDS)]


class _Process(_Plain, frozen=True, kw_only=True):
    working_dir: RequiredText | None = None
    stdin: PlainText | None = None
    expect_exit: Annotated[list[int], Meta(min_length=1)] = field(default_factory=lambda: [0])
    output: OutputForm = "text"
    stdout_to: PlainPath | None = None
    stderr_to: PlainPath | None = None
    max_output_bytes: Annotated[int, Meta(ge=0, le=OUTPUT_BYTES_LIMIT)] = MAX_OUTPUT_BYTES


class _Command(_Process, frozen=True, kw_only=True):
    command: RequiredText
    args: list[PlainText] = field(default_factory=list)


class _Script(_Process, frozen=True, kw_only=True):
    script: RequiredText
    shell: Shell = "bash"


PLAIN: Mapping[str, type[Struct]] = MappingProxyType(
    {
        "noop": _Noop,
        "log": _Log,
        "fail": _Fail,
        "wait": _Wait,
        "command": _Command,
        "script": _Script,
    }
)
"""The plain form by the canonical name of the type."""
_CONVERT = {name: converter(plain) for name, plain in PLAIN.items()}


def plain_parameters(type_name: str, parameters: Mapping[str, Any]) -> Struct | None:
    """Return the parameters in their plain form, or None when the model of the type decides."""
    if not parameters:
        return _without_parameters(type_name)
    convert = _CONVERT.get(type_name)
    if convert is None:
        return None
    try:
        return convert(parameters)
    except msgspec.ValidationError:
        return None


@cache
def _without_parameters(type_name: str) -> Struct | None:
    """Return the plain form of no parameters: frozen, so one serves all steps of the type."""
    plain = PLAIN.get(type_name)
    try:
        return None if plain is None else plain()
    except TypeError:  # it has parameters that must be given
        return None
