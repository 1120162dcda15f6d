"""Steps that work on the mission's own values: set_variables, transform, assert.

`expression` and `that` are expressions, which the engine passes on unrendered (see
`core.step_type.registry.EXPRESSIONS`): text inserted by a template must never be evaluated.
"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field

from core.domain.reasons import Reason
from core.expression.condition import (
    ConditionError,
    NotBooleanError,
    decide,
    referenced_values,
    without_braces,
)
from core.expression.evaluate import ExpressionError, evaluate
from core.step_type.parameter_model import StepParameters
from core.step_type.parameter_text import scalar_text
from core.step_type.parameter_types import Printable
from core.step_type.step_type import Mode, StepCall, StepOutcome, StepType, clip, plain_text

_MAX_VARIABLES = 1000

Expression = Annotated[str, BeforeValidator(scalar_text, json_schema_input_type=str)]
"""An expression, bare or in `{{ }}`."""


def check_names(values: dict[str, Any]) -> dict[str, Any]:
    """Return the values if every name is a valid variable name; `ValueError` otherwise."""
    for name in values:
        if not (name.isascii() and name.isidentifier()) or len(name) > 100:
            raise ValueError(f"{name!r} is not a variable name: letters, digits and _ only")
    return values


class SetVariablesParameters(StepParameters):
    """Parameters of set_variables."""

    values: Annotated[dict[str, Any], AfterValidator(check_names)] = Field(
        min_length=1, max_length=_MAX_VARIABLES, description="names and their new values"
    )


class SetVariablesOutput(BaseModel):
    """Output of set_variables."""

    variables: dict[str, Any] = Field(description="the variables that were set")


class SetVariables(StepType):
    """Sets variables of the execution for the steps that start after it."""

    name: ClassVar[str] = "set_variables"
    mode: ClassVar[Mode] = Mode.INSTANT
    parameters: ClassVar[type[StepParameters]] = SetVariablesParameters
    output: ClassVar[type[BaseModel]] = SetVariablesOutput
    summary: ClassVar[str] = "Set variables for later steps"

    def run(self, call: StepCall) -> StepOutcome:
        """Return the values."""
        parameters: SetVariablesParameters = call.parameters
        return StepOutcome.success({"variables": parameters.values}, variables=parameters.values)

    def describe(self, parameters: Mapping[str, Any]) -> str:
        """Name the variables."""
        values = parameters.get("values")
        names = ", ".join(values) if isinstance(values, dict) else plain_text(values)
        return clip(f"would set {names}")


class TransformParameters(StepParameters):
    """Parameters of transform."""

    expression: Expression = Field(
        description="an expression, such as steps.list.output.entries|length"
    )


class TransformOutput(BaseModel):
    """Output of transform."""

    value: Any = Field(description="the value of the expression, with its type")


class Transform(StepType):
    """Computes a value from parameters, variables and outputs."""

    name: ClassVar[str] = "transform"
    mode: ClassVar[Mode] = Mode.BLOCKING
    parameters: ClassVar[type[StepParameters]] = TransformParameters
    output: ClassVar[type[BaseModel]] = TransformOutput
    summary: ClassVar[str] = "Compute a value from an expression"

    def run(self, call: StepCall) -> StepOutcome:
        """Evaluate the expression."""
        parameters: TransformParameters = call.parameters
        try:
            value = evaluate(parameters.expression, call.scope)
        except ExpressionError as error:
            return StepOutcome.failure(Reason.STEP_ERROR, f"expression: {error}", "expression")
        return StepOutcome.success({"value": value})

    def describe(self, parameters: Mapping[str, Any]) -> str:
        """Show the expression."""
        return clip(f"would compute {plain_text(parameters.get('expression'))}")


class AssertParameters(StepParameters):
    """Parameters of assert."""

    that: Expression | list[Expression] = Field(
        description="what must be true: an expression or a list of expressions"
    )
    message: Printable | None = Field(
        default=None, description="an explanation for the operator, shown on failure"
    )


class AssertOutput(BaseModel):
    """Output of assert."""

    checked: int = Field(description="the number of expressions, all of them true")


class Assert(StepType):
    """Fails unless every expression is true; names the false ones and the values they used.

    An expression must evaluate to true or false: any other value is INVALID_PARAMETERS.
    """

    name: ClassVar[str] = "assert"
    mode: ClassVar[Mode] = Mode.INSTANT
    parameters: ClassVar[type[StepParameters]] = AssertParameters
    output: ClassVar[type[BaseModel]] = AssertOutput
    summary: ClassVar[str] = "Fail unless expressions are true"

    def run(self, call: StepCall) -> StepOutcome:
        """Evaluate all expressions, so that one failure reports all that are false."""
        parameters: AssertParameters = call.parameters
        that = parameters.that if isinstance(parameters.that, list) else [parameters.that]
        false = []
        reason = Reason.STEP_ERROR
        for expression in that:
            try:
                if not decide(expression, call.scope):
                    values = referenced_values(expression, call.scope)
                    false.append(f"{without_braces(expression)} is false{values}")
            except NotBooleanError as error:
                false.append(str(error))
                reason = Reason.INVALID_PARAMETERS
            except ConditionError as error:
                false.append(f"{without_braces(expression)}: {error}")
        if not false:
            return StepOutcome.success({"checked": len(that)})
        message = "; ".join(false)
        if parameters.message:
            message = f"{parameters.message} ({message})"
        return StepOutcome.failure(reason, message, "assertion")

    def describe(self, parameters: Mapping[str, Any]) -> str:
        """Show what must be true."""
        that = parameters.get("that")
        shown = " and ".join(map(plain_text, that)) if isinstance(that, list) else plain_text(that)
        return clip(f"would check that {shown}")
