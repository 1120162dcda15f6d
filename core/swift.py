"""Makes frozen dataclasses of the hot path as cheap to build as they look. Knows no domain."""

from collections.abc import Callable
from dataclasses import MISSING, fields
from typing import Any, TypeVar

from core.errors import BugError

T = TypeVar("T")


def swift(cls: type[T]) -> type[T]:
    """Give a frozen, slotted, keyword-only dataclass a constructor that writes its slots directly.

    The one `dataclass` makes calls `object.__setattr__` with a name for every field, which costs
    twice as much. Nothing else changes: instances are as frozen as before.
    """
    space: dict[str, Any] = {}
    arguments, body = [], []
    for field in fields(cls):  # type: ignore[arg-type]  # a dataclass, which `type` does not say
        name = field.name
        if not (field.init and field.kw_only) or field.default_factory is not MISSING:
            raise BugError(f"{cls.__name__}.{name} is more than `swift` can set")
        space[f"_set_{name}"] = _slot(cls, name)
        if field.default is MISSING:
            arguments.append(name)
        else:
            space[f"_default_{name}"] = field.default
            arguments.append(f"{name}=_default_{name}")
        body.append(f"_set_{name}(self, {name})")
    source = f"def __init__(self, *, {', '.join(arguments)}):\n    " + "\n    ".join(body)
    exec(source, space)  # noqa: S102 - made of the names of fields, as `dataclass` itself does
    init = space["__init__"]
    init.__qualname__ = f"{cls.__qualname__}.__init__"
    init.__annotations__ = cls.__init__.__annotations__
    cls.__init__ = init  # type: ignore[method-assign]  # of a class that has just been made
    return cls


def _slot(cls: type, name: str) -> Callable[[object, Any], None]:
    """Return what writes a slot, that of a base class included."""
    for owner in cls.__mro__:
        if name in owner.__dict__:
            setter: Callable[[object, Any], None] = owner.__dict__[name].__set__
            return setter
    raise BugError(f"{cls.__name__} has no slot {name}")
