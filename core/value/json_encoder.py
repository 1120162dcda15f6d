"""A reusable C encoder of the json module: `JSONEncoder.encode` constructs one for every value."""

import json
from collections.abc import Callable, Iterable
from json.encoder import (  # type: ignore[attr-defined]  # untyped
    c_make_encoder,
    encode_basestring,
    encode_basestring_ascii,
)

Encoder = Callable[[object, int], Iterable[str]]
"""Takes a value and the indentation level 0; returns the pieces of its compact text."""


def make_encoder(
    *, ensure_ascii: bool, sort_keys: bool, default: Callable[[object], object] | None = None
) -> Encoder:
    """Return an encoder of compact JSON without NaN; `default` converts other values.

    Encoding raises `TypeError`, `ValueError` or `RecursionError` for what cannot be encoded.
    """
    python = json.JSONEncoder(
        ensure_ascii=ensure_ascii,
        allow_nan=False,
        sort_keys=sort_keys,
        separators=(",", ":"),
        default=default,
    )
    if c_make_encoder is None:  # an interpreter without the C accelerator
        return lambda value, _level: python.iterencode(value)
    quote = encode_basestring_ascii if ensure_ascii else encode_basestring
    encoder: Encoder = c_make_encoder(
        None, python.default, quote, None, ":", ",", sort_keys, False, False
    )
    return encoder
