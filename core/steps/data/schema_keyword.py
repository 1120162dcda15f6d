"""The JSON Schema keywords that match regular expressions, with a linear-time engine.

jsonschema uses Python's `re`, which a hostile pattern can keep busy indefinitely while it holds the
interpreter lock (ReDoS). Validators made here never call it. They also check for cancellation at
every keyword, because references can make a small schema take exponential time.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from jsonschema import ValidationError
from jsonschema.validators import extend
from referencing.jsonschema import lookup_recursive_ref

from core.value.regex import compile_pattern

Keyword = Callable[[Any, Any, Any, Any], Iterator[ValidationError]]


def with_linear_patterns(kind: Any, poll: Callable[[], None]) -> Any:
    """Return the validator class `kind` with these keywords; `poll` may raise to stop it."""
    own: dict[str, Keyword] = {
        "pattern": _pattern,
        "patternProperties": _pattern_properties,
        "additionalProperties": _additional_properties,
        "unevaluatedProperties": _unevaluated_properties,
    }
    keywords = {name: own.get(name, keyword) for name, keyword in kind.VALIDATORS.items()}
    watched = {name: _watched(keyword, poll) for name, keyword in keywords.items()}
    return extend(kind, watched)  # type: ignore[no-untyped-call]  # its stub has no types


def _watched(keyword: Keyword, poll: Callable[[], None]) -> Keyword:
    def run(validator: Any, value: Any, instance: Any, schema: Any) -> Any:
        poll()
        return keyword(validator, value, instance, schema)

    return run


def _pattern(validator: Any, text: str, instance: Any, _: Any) -> Iterator[ValidationError]:
    if validator.is_type(instance, "string") and not compile_pattern(text).is_found_in(instance):
        yield ValidationError(f"{instance!r} does not match {text!r}")


def _pattern_properties(
    validator: Any, patterns: Mapping[str, Any], instance: Any, _: Any
) -> Iterator[ValidationError]:
    if not validator.is_type(instance, "object"):
        return
    for text, subschema in patterns.items():
        for name, value in instance.items():
            if compile_pattern(text).is_found_in(name):
                yield from validator.descend(value, subschema, path=name, schema_path=text)


def _additional_properties(
    validator: Any, allowed: Any, instance: Any, schema: Mapping[str, Any]
) -> Iterator[ValidationError]:
    if not validator.is_type(instance, "object"):
        return
    known = schema.get("properties", {})
    matched = _matched(instance, schema.get("patternProperties", {}))
    extras = [name for name in instance if name not in known and name not in matched]
    if validator.is_type(allowed, "object"):
        for name in extras:
            yield from validator.descend(instance[name], allowed, path=name)
    elif not allowed and extras:
        yield ValidationError(f"Additional properties are not allowed ({_unexpected(extras)})")


def _unevaluated_properties(
    validator: Any, allowed: Any, instance: Any, schema: Mapping[str, Any]
) -> Iterator[ValidationError]:
    if not validator.is_type(instance, "object"):
        return
    evaluated = _evaluated(validator, instance, schema)
    extras = [
        name
        for name, value in instance.items()
        if name not in evaluated and not _fits(validator, value, allowed)
    ]
    if extras:
        yield ValidationError(f"Unevaluated properties are not allowed ({_unexpected(extras)})")


def _evaluated(validator: Any, instance: Mapping[str, Any], schema: Any) -> set[str]:
    """Return the names in `instance` that a schema and its subschemas have evaluated."""
    if not isinstance(schema, Mapping):
        return set()
    found = {name for name in instance if name in schema.get("properties", {})}
    found |= _matched(instance, schema.get("patternProperties", {}))
    for keyword in ("additionalProperties", "unevaluatedProperties"):
        if keyword in schema:
            allowed = schema[keyword]
            found.update(n for n, value in instance.items() if _fits(validator, value, allowed))
    for inner, subschema in _applied(validator, instance, schema):
        found |= _evaluated(inner, instance, subschema)
    return found


def _applied(validator: Any, instance: Any, schema: Mapping[str, Any]) -> Iterator[tuple[Any, Any]]:
    """Yield the subschemas that apply to the same object, each with its validator."""
    resolver = validator._resolver  # as jsonschema's own keywords do: it has no public name
    resolved = [resolver.lookup(schema[name]) for name in ("$ref", "$dynamicRef") if name in schema]
    if "$recursiveRef" in schema:
        resolved.append(lookup_recursive_ref(resolver))
    for one in resolved:
        yield validator.evolve(schema=one.contents, _resolver=one.resolver), one.contents
    for name, subschema in schema.get("dependentSchemas", {}).items():
        if name in instance:
            yield validator, subschema
    for keyword in ("allOf", "oneOf", "anyOf"):
        for subschema in schema.get(keyword, ()):
            if _fits(validator, instance, subschema):
                yield validator, subschema
    if "if" in schema:
        holds = _fits(validator, instance, schema["if"])
        if holds:
            yield validator, schema["if"]
        branch = "then" if holds else "else"
        if branch in schema:
            yield validator, schema[branch]


def _fits(validator: Any, value: Any, subschema: Any) -> bool:
    return next(iter(validator.descend(value, subschema)), None) is None


def _matched(instance: Mapping[str, Any], patterns: Mapping[str, Any]) -> set[str]:
    """Return the names that match any pattern; each pattern is compiled once."""
    found: set[str] = set()
    for text in patterns:
        matches = compile_pattern(text).is_found_in
        found.update(name for name in instance if matches(name))
    return found


def _unexpected(names: list[str]) -> str:
    shown = ", ".join(repr(name) for name in sorted(names))
    return f"{shown} {'was' if len(names) == 1 else 'were'} unexpected"
