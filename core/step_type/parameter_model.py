"""The bases of the models of step types: parameters and outputs, in pydantic.

Loading pydantic takes a fifth of a short run: what runs steps must not import this module.
"""

from pydantic import BaseModel, ConfigDict


class StepParameters(BaseModel):
    """Base of parameter models: unknown keys are errors, and no value is converted.

    Values come from YAML or JSON, or from a template that kept its type; a field that takes more
    than one form says so by its type (`core.step_type.parameter_types`).
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, validate_default=True)


class NoOutput(BaseModel):
    """The output of a step without results: an empty object."""
