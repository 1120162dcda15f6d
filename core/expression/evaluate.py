"""Evaluates templates with minijinja: strict, with limits on work and output, JSON in and out.

minijinja is imported when the first template is evaluated. `core.expression.template` checks every
template first, so that none can call a method of a Python object.
"""

import json
import math
import re
import threading
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from core.domain.mission import Json
from core.expression.optional_path import with_optional_paths
from core.expression.template import (
    Reference,
    TemplateSyntaxError,
    as_template,
    has_template,
    read_template,
    references,
)
from core.value.non_utf8 import is_utf8

if TYPE_CHECKING:  # loaded when the first template is evaluated
    from minijinja import Environment

__all__ = [
    "ExpressionError",
    "Reference",
    "Renderer",
    "TemplateSyntaxError",
    "evaluate",
    "has_template",
    "references",
    "render",
]

FUEL_INSTRUCTIONS = 50_000
"""Instructions that one template may execute."""

MAX_OUTPUT_CHARACTERS = 8 * 1024 * 1024
"""Characters that one template may produce, and characters plus values of one result."""

_MAX_DEPTH = 64
_CHAIN_BEFORE = re.compile(r"(?:[\w.]|\[[^\[\]]*\])+$")
_CHAIN_BYTES = 400
_LARGE = ("steps", "env")
"""Names of which a template receives only the entries it refers to."""
_BOOLEANS = {
    **dict.fromkeys(("true", "yes", "on", "1"), True),
    **dict.fromkeys(("false", "no", "off", "0"), False),
}
_REMOVED_FILTERS = ("format", "indent", "batch", "slice", "pprint", "safe", "chain")


class ExpressionError(Exception):
    """Raised when a template cannot be evaluated: unknown name, wrong type, a limit exceeded."""


class Renderer:
    """Evaluates templates. Holds no data between calls; not for use by several threads at once."""

    def __init__(
        self, *, fuel: int = FUEL_INSTRUCTIONS, max_output: int = MAX_OUTPUT_CHARACTERS
    ) -> None:
        self._fuel = fuel
        self._max_output = max_output
        self._engine: Environment | None = None
        self._captured: Any = None
        self._capturing = False
        self._written = 0

    def render(self, value: Json, scope: Mapping[str, Any]) -> Json:
        """Return `value` with the templates in its texts resolved, at any depth.

        A text that is exactly one expression becomes that expression's value, type kept; other
        results are texts. Raises `ExpressionError`.
        """
        if isinstance(value, str):
            return self._text(value, scope) if has_template(value) else value
        if isinstance(value, Mapping):
            return {
                str(self.render(key, scope)): self.render(item, scope)
                for key, item in value.items()
            }
        if isinstance(value, list | tuple):
            return [self.render(item, scope) for item in value]
        return value

    def evaluate(self, expression: str, scope: Mapping[str, Any]) -> Json:
        """Return the value of one expression, bare or in `{{ }}`; raise `ExpressionError`."""
        try:
            text = as_template(expression)
        except TemplateSyntaxError as error:
            raise ExpressionError(_with_hint(error)) from error
        return self._text(text, scope)

    def _text(self, text: str, scope: Mapping[str, Any]) -> Json:
        try:
            template = read_template(text)
        except TemplateSyntaxError as error:
            raise ExpressionError(_with_hint(error)) from error
        names: Mapping[str, Any] = {
            name: _subset(name, scope[name], template.references) if name in _LARGE else scope[name]
            for name in {reference[0] for reference in template.references}
            if name in scope
        }
        if template.optional:
            names = with_optional_paths(template, names)
        self._capturing = template.whole
        self._captured = None
        self._written = 0
        rendered = self._run(text, names)
        if template.whole:
            return plain(self._captured, self._max_output)
        if len(rendered) > self._max_output:
            raise ExpressionError(f"the text is longer than {self._max_output:,} characters")
        return rendered

    def _run(self, text: str, names: Mapping[str, Any]) -> str:
        from minijinja import TemplateError

        if self._engine is None:
            self._engine = _environment(self, self._fuel)
        try:
            return self._engine.render_str(text, **names)
        except ExpressionError:
            raise
        except TemplateError as error:
            missing = _missing(text, names) if "undefined" in str(error) else None
            raise ExpressionError(missing or _message(error, text)) from error
        except (TypeError, ValueError, KeyError, RecursionError, OverflowError) as error:
            raise ExpressionError(f"{type(error).__name__}: {error}") from error

    def finish(self, value: Any) -> str:
        """Keep the value of an expression, or convert it to text (the finalizer of minijinja)."""
        if self._capturing:
            self._captured = value
            return ""
        shown = value if isinstance(value, str) else _as_text(value, self._max_output)
        self._written += len(shown)
        if self._written > self._max_output:
            raise ExpressionError(f"the text is longer than {self._max_output:,} characters")
        return shown


def check_syntax(text: str) -> None:
    """Parse the templates of a text without evaluating them; raise `TemplateSyntaxError`."""
    read_template(text)
    from minijinja import TemplateError

    engine = _syntax_engine()
    try:
        engine.add_template("t", text)
    except TemplateError as error:
        raise TemplateSyntaxError(_message(error, text)) from error
    engine.remove_template("t")


def render(value: Json, scope: Mapping[str, Any]) -> Json:
    """Resolve the templates in `value` with the shared renderer; see `Renderer.render`."""
    return _shared().render(value, scope)


def evaluate(expression: str, scope: Mapping[str, Any]) -> Json:
    """Evaluate one expression with the shared renderer; see `Renderer.evaluate`."""
    return _shared().evaluate(expression, scope)


def plain(value: Any, budget: int = MAX_OUTPUT_CHARACTERS) -> Json:
    """Return `value` as JSON data that shares nothing with it.

    Raises `ExpressionError` for what JSON cannot hold, such as infinity or a method, and for data
    that is nested too deeply or larger than `budget` characters and values together.
    """
    return _Plain(budget).convert(value, 0)


class _Plain:
    def __init__(self, budget: int) -> None:
        self._left = budget

    def _spend(self, amount: int) -> None:
        self._left -= amount
        if self._left < 0:
            raise ExpressionError("the value is larger than a template may produce")

    def convert(self, value: Any, depth: int) -> Json:
        self._spend(1)
        if value is None or isinstance(value, bool | int):
            return value
        if isinstance(value, str):
            self._spend(len(value))
            return str(value)
        if isinstance(value, float):
            if not math.isfinite(value):
                raise ExpressionError(f"{value} is not a number that JSON can hold")
            return value
        if depth >= _MAX_DEPTH:
            raise ExpressionError(f"the value is nested deeper than {_MAX_DEPTH} levels")
        if isinstance(value, Mapping):
            return {str(key): self.convert(item, depth + 1) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.convert(item, depth + 1) for item in value]
        raise ExpressionError(f"the value is not plain data but of type {type(value).__name__}")


_local = threading.local()  # steps evaluate in threads, and a renderer is not thread-safe


def _shared() -> Renderer:
    found: Renderer | None = getattr(_local, "renderer", None)
    if found is None:
        found = _local.renderer = Renderer()
    return found


@lru_cache(maxsize=1)
def _syntax_engine() -> "Environment":
    from minijinja import Environment

    return Environment()


def _environment(renderer: Renderer, fuel: int) -> "Environment":
    from minijinja import Environment

    engine = Environment(
        undefined_behavior="strict",
        fuel=fuel,
        pycompat=False,
        keep_trailing_newline=True,
        finalizer=renderer.finish,
        debug=False,
        filters={"replace": _replace, "join": _join, "tojson": _to_json, "bool": _bool},
    )
    for name in _REMOVED_FILTERS:  # also reachable by name, through `map` and `select`
        engine.remove_filter(name)
    for name in ("debug", "namespace"):
        engine.remove_global(name)
    return engine


def _replace(value: Any, old: str, new: str) -> str:
    text, old, new = str(value), str(old), str(new)
    if len(text) + text.count(old) * (len(new) - len(old)) > MAX_OUTPUT_CHARACTERS:
        raise ExpressionError(f"replace: longer than {MAX_OUTPUT_CHARACTERS:,} characters")
    return text.replace(old, new)


def _join(value: Any, separator: str = "", attribute: str | None = None) -> str:
    items = [item[attribute] if attribute is not None else item for item in value]
    texts = [
        item if isinstance(item, str) else _as_text(item, MAX_OUTPUT_CHARACTERS) for item in items
    ]
    if sum(map(len, texts)) + len(separator) * len(texts) > MAX_OUTPUT_CHARACTERS:
        raise ExpressionError(f"join: longer than {MAX_OUTPUT_CHARACTERS:,} characters")
    return str(separator).join(texts)


def _to_json(value: Any, indent: int | None = None) -> str:
    if indent is not None and not 0 <= int(indent) <= 8:
        raise ExpressionError("tojson: indent is between 0 and 8")
    return json.dumps(plain(value), ensure_ascii=False, indent=indent)


def _bool(value: Any) -> bool:
    """Return true or false; of a text its meaning (`yes`, `off`), not whether it is empty."""
    if not isinstance(value, str):
        return bool(value)
    said = _BOOLEANS.get(value.strip().lower())
    if said is None:
        raise ExpressionError(f"bool: {value[:40]!r} is neither true nor false")
    return said


def _as_text(value: Any, budget: int) -> str:
    """Return a value as part of a text: JSON, except for texts themselves."""
    return json.dumps(plain(value, budget), ensure_ascii=False, separators=(", ", ": "))


def _subset(
    root: str, values: Mapping[str, Any], wanted: frozenset[Reference]
) -> Mapping[str, Any]:
    """Return what a template names of `steps` or `env` as a plain dict; all if that is computed."""
    names = {reference[1] for reference in wanted if reference[0] == root and len(reference) > 1}
    if "*" in names or any(reference == (root,) for reference in wanted):
        names.update(values)
    found: dict[str, Any] = {}
    for name in names:
        try:
            found[name] = values[name]
        except KeyError:
            continue
        if isinstance(found[name], str) and not is_utf8(found[name]):
            raise ExpressionError(f"the value of {root}.{name} is not UTF-8 text")
    return found


def _with_hint(error: TemplateSyntaxError) -> str:
    return f"{error} ({error.hint})" if error.hint else str(error)


def _missing(text: str, names: Mapping[str, Any]) -> str | None:
    """Name the undefined reference if there is exactly one; a filter may give a default."""
    missing = [
        reference
        for reference, follower in read_template(text).names
        if follower != "|" and "*" not in reference and not _is_defined(reference, names)
    ]
    if len(missing) != 1:
        return None
    shown = missing[0][0]
    for name in missing[0][1:]:
        shown += f".{name}" if name.isidentifier() or name.isdigit() else f"['{name}']"
    if missing[0][0] == "env":
        name = missing[0][1]
        return f"the environment variable {name} is not set; `{shown}|default('')` allows that"
    return f"`{shown}` is undefined"


def _is_defined(reference: Reference, names: Mapping[str, Any]) -> bool:
    value: Any = names
    for name in reference:
        try:
            value = value[int(name)] if isinstance(value, list | tuple) else value[name]
        except (LookupError, TypeError, ValueError):
            return False
    return True


def _message(error: Any, text: str) -> str:
    """Return minijinja's message without file name and line, naming the expression."""
    message = str(error.message).splitlines()[0]
    message = message.rsplit(" (in ", 1)[0]
    span = getattr(error, "range", None)
    if message == "undefined value" and span is not None:
        data = text.encode()  # the span counts bytes
        close = data[max(0, span[0] - _CHAIN_BYTES) : span[0]]  # the search is quadratic
        before = _CHAIN_BEFORE.search(close.decode("utf-8", "replace"))
        meant = data[span[0] : span[1]].decode("utf-8", "replace")
        meant = ((before[0] if before else "") + meant).strip("{}- ")
        if meant:
            return f"`{meant}` is undefined"
    cause = error.__cause__
    return f"{message}: {cause}" if cause is not None else message
