"""The step that validates data against a JSON Schema; it never fetches remote schemas."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, Field, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from core.domain.reasons import Reason
from core.step_type.failure import StepFailedError, check_cancelled
from core.step_type.parameter_model import StepParameters
from core.step_type.step_type import Mode, StepCall, StepOutcome, StepType, clip
from core.value.regex import PatternError, compile_pattern

_MAX_ERRORS = 100
_TEXT_LIMIT_CHARACTERS = 300
_DATA = frozenset({"const", "default", "enum", "examples"})
"""Keywords whose values are data: they contain no schemas and no patterns."""
_BY_NAME = frozenset(
    {"$defs", "definitions", "dependencies", "dependentSchemas", "patternProperties", "properties"}
)
"""Keywords whose values are objects of schemas by name."""

Place = tuple[str | int, ...]


def check_patterns(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema if all its patterns are supported; raise pydantic's error otherwise."""
    found: list[InitErrorDetails] = []
    for text, place in _patterns(schema, ()):
        try:
            compile_pattern(text)
        except PatternError as error:
            message = f"{error} ({error.hint})" if error.hint else str(error)
            problem = PydanticCustomError("pattern", "{message}", {"message": message})
            found.append(InitErrorDetails(type=problem, loc=place, input=text))
    if found:
        raise ValidationError.from_exception_data("schema", found)
    return schema


def _patterns(schema: Any, place: Place) -> Iterator[tuple[str, Place]]:
    """Yield every regular expression of a schema with its path of keys."""
    pending: list[tuple[Any, Place]] = [(schema, place)]
    while pending:
        value, here = pending.pop()
        if isinstance(value, list):
            pending.extend((item, (*here, index)) for index, item in enumerate(value))
        elif isinstance(value, dict):
            for key, item in value.items():
                inner = (*here, key)
                if key == "pattern" and isinstance(item, str):
                    yield item, inner
                elif key in _BY_NAME and isinstance(item, dict):
                    if key == "patternProperties":
                        yield from ((name, (*inner, name)) for name in item)
                    pending.extend((one, (*inner, name)) for name, one in item.items())
                elif key not in _DATA:
                    pending.append((item, inner))


class SchemaParameters(StepParameters):
    """Parameters of validate_schema."""

    data: Any = Field(description="the data to check")
    schema_: Annotated[dict[str, Any], AfterValidator(check_patterns)] = Field(
        alias="schema",
        description="a JSON Schema of the draft named by its $schema, by default 2020-12; only "
        "internal references; regular expressions in RE2 syntax, without look-around and "
        "back-references",
    )
    on_invalid: Literal["fail", "report"] = Field(
        default="fail",
        description="fail: fail the step; report: succeed, with the result in valid and errors",
    )


class SchemaError(BaseModel):
    """One violation of the schema."""

    path: str = Field(description="JSON path: $ is the whole data, $.items[2].name a value in it")
    message: str = Field(description="what is wrong")


class SchemaOutput(BaseModel):
    """Output of validate_schema."""

    valid: bool = Field(description="whether the data conforms to the schema")
    errors: list[SchemaError] = Field(description="the violations, at most 100, ordered by path")


class ValidateSchema(StepType):
    """Validates data against a JSON Schema, including formats such as `date` and `email`."""

    name: ClassVar[str] = "validate_schema"
    mode: ClassVar[Mode] = Mode.BLOCKING
    parameters: ClassVar[type[StepParameters]] = SchemaParameters
    output: ClassVar[type[BaseModel]] = SchemaOutput
    summary: ClassVar[str] = "Validate data against a JSON Schema"

    def run(self, call: StepCall) -> StepOutcome:
        """Collect the violations."""
        parameters: SchemaParameters = call.parameters
        try:
            poll = partial(check_cancelled, call)
            errors = _errors(parameters.data, parameters.schema_, poll)
        except StepFailedError as error:
            return error.outcome()
        except PatternError as error:
            return StepOutcome.failure(Reason.OUTPUT_LIMIT, str(error), "pattern")
        except _UnusableSchemaError as error:
            return StepOutcome.failure(
                Reason.INVALID_PARAMETERS, f"unusable schema: {error}", "schema"
            )
        output = {"valid": not errors, "errors": errors}
        if errors and parameters.on_invalid == "fail":
            first = errors[0]
            more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
            message = f"does not match the schema: {first['path']}: {first['message']}{more}"
            return StepOutcome.failure(Reason.STEP_ERROR, message, "schema", output=output)
        return StepOutcome.success(output)

    def describe(self, parameters: Mapping[str, Any]) -> str:
        """Describe which schema the data would be validated against."""
        schema = parameters.get("schema")
        title = schema.get("title") if isinstance(schema, dict) else None
        schema_name = f"the schema {title}" if title else "the given schema"
        return clip(f"would validate data against {schema_name}")


class _UnusableSchemaError(Exception):
    pass


def _errors(data: Any, schema: dict[str, Any], poll: Callable[[], None]) -> list[dict[str, str]]:
    """Return the violations ordered by path; `poll` is called at every keyword and may raise."""
    import jsonschema
    from jsonschema_specifications import REGISTRY  # type: ignore[import-untyped]  # has no types
    from referencing.exceptions import Unresolvable

    from core.steps.data.schema_keyword import with_linear_patterns

    kind = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
    try:
        kind.check_schema(schema)
        # An explicit registry: the default one would fetch a remote $ref over the network.
        validator = with_linear_patterns(kind, poll)(
            schema, registry=REGISTRY, format_checker=kind.FORMAT_CHECKER
        )
        found = []
        for error in validator.iter_errors(data):
            found.append({"path": _short(error.json_path), "message": _short(error.message)})
            if len(found) == _MAX_ERRORS:
                break
    except jsonschema.SchemaError as error:
        raise _UnusableSchemaError(_short(error.message)) from error
    except Unresolvable as error:
        raise _UnusableSchemaError(f"{_short(error.ref)} is not defined in it") from error
    except RecursionError as error:
        raise _UnusableSchemaError("it is too deep, or its references never end") from error
    return sorted(found, key=lambda error: (error["path"], error["message"]))


def _short(text: str) -> str:
    return clip(" ".join(str(text).split()), _TEXT_LIMIT_CHARACTERS)
