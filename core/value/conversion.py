"""Conversion of plain data to a `Struct`, made so that threads may convert at once from the start.

msgspec describes a type to itself at its first conversion, and runs Python code meanwhile. A second
thread that converts to the same type just then meets a description that is half made, which ends
the process (seen with msgspec 0.22). Therefore the description is made when a module is imported.
"""

from collections.abc import Callable
from typing import TypeVar

import msgspec

T = TypeVar("T")


def converter(kind: type[T]) -> Callable[[object], T]:
    """Return the conversion to `kind`, with its description made.

    The conversion raises `msgspec.ValidationError` for what does not fit.
    """
    msgspec.json.Decoder(kind)
    return lambda found: msgspec.convert(found, kind)
