"""Checks the static type of conditions: one that certainly gives no boolean is an error.

A template engine treats a non-empty text as true: `false` and `0` would let a step run. So the
operands of `and`, `or`, `not` and `if` are checked as well as the whole condition.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from msgspec import Struct
from msgspec.structs import fields as fields_of

from core.domain.mission import Param, ParamType
from core.expression.condition import (
    BOOLEAN,
    KIND_WORDS,
    LIST,
    MAPPING,
    NOTHING,
    NUMBER,
    TEXT,
    comparison,
    kind_of_value,
)
from core.expression.structure import (
    depths,
    is_bar,
    reference_names,
    source_text,
    split,
    ternary,
    without_brackets,
)
from core.expression.template import Token, condition_tokens, has_template
from core.mission_file.finding.code import Code
from core.mission_file.finding.problem import Path, Problems
from core.mission_file.finding.value_check import INVALID
from core.mission_file.keys.top_level import Draft
from core.step_type.plain_parameters import PLAIN
from core.step_type.registry import PROCESS_TYPES, normalise_type

_COMPARISONS = frozenset({"==", "!=", "<", ">", "<=", ">=", "in", "is"})
_NOT = Token("name", "not")
_ARITHMETIC = frozenset({"+", "-", "*", "/", "//", "%", "**"})
_TEXTS = "capitalize escape join lower replace string title tojson trim upper urlencode"
_NUMBERS = "abs count float int length round sum"
_LISTS = "dictsort items lines list map reject select sort split unique zip"
_FILTERS = {
    **dict.fromkeys(_TEXTS.split(), TEXT),
    **dict.fromkeys(_NUMBERS.split(), NUMBER),
    **dict.fromkeys(_LISTS.split(), LIST),
    "bool": BOOLEAN,
}
_LITERALS = {"true": BOOLEAN, "false": BOOLEAN, "none": NOTHING}
_PARAM_KINDS = {
    ParamType.STRING: TEXT,
    ParamType.PATH: TEXT,
    ParamType.INTEGER: NUMBER,
    ParamType.NUMBER: NUMBER,
    ParamType.BOOLEAN: BOOLEAN,
}
_ROOTS = {
    "timestamp": TEXT,
    "index": NUMBER,
    "execution": MAPPING,
    "params": MAPPING,
    "vars": MAPPING,
    "steps": MAPPING,
    "env": MAPPING,
    "failed": LIST,
    "matrix": MAPPING,
}


class _Wrong(Struct, frozen=True):
    """A part of a condition that certainly is no boolean."""

    text: str
    kind: str


class ConditionCheck:
    """Checks the conditions of a draft; values of unknown kind are accepted."""

    def __init__(self, draft: Draft, problems: Problems) -> None:
        self._problems = problems
        params = draft.fields.get("params", ())
        self._params: dict[str, Param] = (
            {} if params is INVALID else {param.name: param for param in params}
        )
        self._variables = _constants(draft)
        self._steps = {
            raw["id"]: raw
            for raw in draft.raw_steps
            if raw.__class__ is dict and raw.get("id").__class__ is str
        }

    def check(self, condition: str, path: Path) -> None:
        """Report every part of a condition that must be true or false and is neither."""
        for wrong in self._wrong(condition_tokens(condition)):
            self._problems.error(
                Code.NOT_BOOLEAN,
                f"`{wrong.text}` is {KIND_WORDS[wrong.kind]}, where true or false is expected",
                path,
                hint=comparison(wrong.text, wrong.kind),
                needle=wrong.text,
            )

    def _wrong(self, tokens: list[Token]) -> Iterator[_Wrong]:
        """Yield the parts of `tokens` that must be true or false and are neither."""
        tokens = without_brackets(tokens)
        branches = ternary(tokens)
        if branches is not None:
            for branch in branches:
                yield from self._wrong(branch)
            return
        for word in ("or", "and"):
            operands = split(tokens, word)
            if len(operands) > 1:
                for operand in operands:
                    yield from self._wrong(operand)
                return
        negations = 0
        while negations < len(tokens) and tokens[negations] == _NOT:
            negations += 1
        if negations:
            yield from self._wrong(tokens[negations:])
            return
        kind = self._kind(tokens)
        if kind is not None and kind != BOOLEAN:
            yield _Wrong(source_text(tokens), kind)

    def _kind(self, tokens: list[Token]) -> str | None:
        """Return the kind of an expression without `and`, `or`, `not`; None when it is unknown."""
        top = [token for token, depth in depths(tokens) if not depth]
        operators = {token.text for token in top if token.kind != "string"}
        if operators & _COMPARISONS:
            return BOOLEAN
        if "~" in operators:
            return TEXT
        filtered = [
            n for n, (token, depth) in enumerate(depths(tokens)) if not depth and is_bar(token)
        ]
        if filtered and not operators & _ARITHMETIC:
            name = tokens[filtered[-1] + 1].text if filtered[-1] + 1 < len(tokens) else ""
            return _FILTERS.get(name)
        if operators & _ARITHMETIC or not tokens:
            return None
        first = tokens[0]
        if first.text in ("[", "{"):
            closed = all(depth for _, depth in list(depths(tokens))[1:-1])
            return (LIST if first.text == "[" else MAPPING) if closed else None
        if len(tokens) == 1 and first.kind in ("string", "number"):
            return TEXT if first.kind == "string" else NUMBER
        if len(tokens) == 1 and first.text.lower() in _LITERALS:
            return _LITERALS[first.text.lower()]
        reference = reference_names(tokens)
        return None if reference is None else self._kind_of(reference)

    def _kind_of(self, names: list[str]) -> str | None:
        """Return the kind of the value that a reference names."""
        root, rest = names[0], names[1:]
        if not rest:
            return _ROOTS.get(root)
        if root == "params" and len(rest) == 1 and rest[0] in self._params:
            return _param_kind(self._params[rest[0]])
        if root == "vars" and self._variables is not None and rest[0] in self._variables:
            return _kind_within(self._variables[rest[0]], rest[1:])
        if root in ("env", "execution"):
            return TEXT if len(rest) == 1 else None
        if root == "steps" and rest[0] in self._steps:
            return _step_kind(self._steps[rest[0]], rest[1:])
        return None


@cache
def boolean_parameters(type_name: str) -> frozenset[str]:
    """Return the parameters of a step type that are true or false."""
    plain = PLAIN.get(normalise_type(type_name))
    if plain is not None:  # saves the time to load the models
        return frozenset(field.name for field in fields_of(plain) if field.type is bool)
    kind = _type(type_name)
    if kind is None:
        return frozenset()
    fields = kind.parameters.model_fields.items()
    return frozenset(field.alias or name for name, field in fields if field.annotation is bool)


def _type(type_name: str) -> Any:
    """Return a step type, None if there is none or it cannot be loaded."""
    from core.errors import MissionDeckError
    from core.step_type.registry import step_type  # loads the family of the type

    try:
        return step_type(normalise_type(type_name))
    except MissionDeckError:
        return None


def _param_kind(param: Param) -> str | None:
    if param.type is ParamType.CHOICE:
        kinds = {kind_of_value(choice) for choice in param.choices}
        return kinds.pop() if len(kinds) == 1 else None
    return _PARAM_KINDS[param.type]


def _kind_within(value: Any, names: list[str]) -> str | None:
    for name in names:
        if not isinstance(value, dict) or name not in value:
            return None
        value = value[name]
    if isinstance(value, str) and has_template(value):  # `with` of a group: its type is not known
        return None
    return kind_of_value(value)


def _step_kind(raw: Mapping[str, Any], names: list[str]) -> str | None:
    if names in (["state"], ["error"]):
        return TEXT
    if names == ["output"]:
        return MAPPING
    fans_out = raw.get("foreach") is not None or raw.get("matrix") is not None
    if len(names) != 2 or names[0] != "output" or fans_out:
        return None
    if names[1] in ("stdout", "stderr") and _is_process(raw):
        return TEXT
    return _output_kind(raw, names[1])


def _is_process(raw: Mapping[str, Any]) -> bool:
    return normalise_type(str(raw.get("step_type"))) in PROCESS_TYPES


def _output_kind(raw: Mapping[str, Any], name: str) -> str | None:
    """Return the kind the documented output of a step's type has."""
    kind = _type(str(raw.get("step_type")))
    field = None if kind is None else kind.output.model_fields.get(name)
    if field is None:
        return None
    annotation: Any = getattr(field.annotation, "__origin__", field.annotation)
    kinds: dict[Any, str] = {
        bool: BOOLEAN, str: TEXT, int: NUMBER, float: NUMBER, list: LIST, dict: MAPPING,
    }  # fmt: skip
    return kinds.get(annotation)


def _constants(draft: Draft) -> Mapping[str, Any] | None:
    """Return the variables that no step sets; None if that cannot be determined."""
    declared = draft.fields.get("variables", {})
    if declared is INVALID:
        return None
    constants = dict(declared)
    steps = [*draft.steps, *(placed.step for placed in draft.handlers)]
    for step in steps:
        if step is None or step.step_type == "set_variables":
            values = None if step is None else step.parameters.get("values")
            if values.__class__ is not dict:
                return None
            for name in values:
                constants.pop(name, None)
    return constants
