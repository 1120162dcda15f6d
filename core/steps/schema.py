"""The step that holds data against a JSON Schema; never fetches a schema from anywhere."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, Field

from core.reasons import Reason
from core.steps.base import Mode, StepCall, StepOutcome, StepParameters, StepType, clip

_ERRORS_KEPT = 100
_TEXT_LIMIT = 300


class SchemaParameters(StepParameters):
    """Parameters of validate_schema."""

    data: Any = Field(description="the data to check")
    schema_: dict[str, Any] = Field(
        alias="schema",
        description="a JSON Schema; its $schema names the draft, else 2020-12; references within "
        "it only",
    )
    on_invalid: Literal["fail", "report"] = Field(
        default="fail", description="report: succeed all the same and tell by valid and errors"
    )


class SchemaError(BaseModel):
    """One thing that is wrong with the data."""

    path: str = Field(description="where: $ is the data itself, $.items[2].name a value in it")
    message: str = Field(description="what is wrong")


class SchemaOutput(BaseModel):
    """What validate_schema leaves."""

    valid: bool = Field(description="whether the data fits the schema")
    errors: list[SchemaError] = Field(description="what does not fit, at most 100, by path")


class ValidateSchema(StepType):
    """Checks data against a JSON Schema, formats such as `date` and `email` included."""

    name: ClassVar[str] = "validate_schema"
    mode: ClassVar[Mode] = Mode.BLOCKING
    parameters: ClassVar[type[StepParameters]] = SchemaParameters
    output: ClassVar[type[BaseModel]] = SchemaOutput
    summary: ClassVar[str] = "Check data against a JSON Schema"

    def run(self, call: StepCall) -> StepOutcome:
        """Collect what does not fit."""
        parameters: SchemaParameters = call.parameters
        try:
            errors = _errors(parameters.data, parameters.schema_)
        except _UnusableSchemaError as error:
            return StepOutcome.failure(
                Reason.INVALID_PARAMETERS, f"unusable schema: {error}", "schema"
            )
        output = {"valid": not errors, "errors": errors}
        if errors and parameters.on_invalid == "fail":
            first = errors[0]
            more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
            message = f"does not fit the schema: {first['path']}: {first['message']}{more}"
            return StepOutcome.failure(Reason.STEP_ERROR, message, "schema", output=output)
        return StepOutcome.success(output)

    def describe(self, parameters: Mapping[str, Any]) -> str:
        """Say that data would be checked."""
        schema = parameters.get("schema")
        title = schema.get("title") if isinstance(schema, dict) else None
        return clip(f"would check data against the schema {title or 'given'}")


class _UnusableSchemaError(Exception):
    pass


def _errors(data: Any, schema: dict[str, Any]) -> list[dict[str, str]]:
    """Return what does not fit, ordered by path."""
    import jsonschema
    from jsonschema_specifications import REGISTRY  # type: ignore[import-untyped]  # has no types
    from referencing.exceptions import Unresolvable

    kind = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
    try:
        kind.check_schema(schema)
        # An explicit registry: jsonschema's own would fetch a remote $ref over the network.
        validator = kind(schema, registry=REGISTRY, format_checker=kind.FORMAT_CHECKER)
        found = []
        for error in validator.iter_errors(data):
            found.append({"path": _short(error.json_path), "message": _short(error.message)})
            if len(found) == _ERRORS_KEPT:
                break
    except jsonschema.SchemaError as error:
        raise _UnusableSchemaError(_short(error.message)) from error
    except Unresolvable as error:
        raise _UnusableSchemaError(f"{_short(error.ref)} is not in it") from error
    except RecursionError as error:
        raise _UnusableSchemaError("it refers to itself without end, or is too deep") from error
    return sorted(found, key=lambda error: (error["path"], error["message"]))


def _short(text: str) -> str:
    return clip(" ".join(str(text).split()), _TEXT_LIMIT)
