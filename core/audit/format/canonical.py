"""Canonical JSON: the unique byte encoding of an audit body. Must not know chain or events.

RFC 8785 (JCS) over a profile in which it equals `json.dumps(sort_keys=True, compact)`: no floats,
integers within ±(2^53 - 1), ASCII keys in the two outer levels and keys of the basic multilingual
plane below (there code point order is UTF-16 order), no lone surrogates, at most 32 levels.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Annotated, Any, Final

import msgspec

from core.errors import AuditError
from core.value.json_encoder import make_encoder

MAX_INTEGER: Final = 2**53 - 1
MAX_DEPTH: Final = 32
MAX_TEXT_CHARACTERS: Final = 4096
"""The most characters of a text in a body; `clean_text` truncates longer ones."""
ASCII_LEVELS: Final = 2
"""Objects at these outer levels (the body and its details) must have ASCII keys."""

_SURROGATE = re.compile("[\ud800-\udfff]")
_WIDE_INTEGER = re.compile(r"[:,\[]-?[0-9]{16}")


class CanonicalError(AuditError):
    """Raised when a value or text lies outside the canonical profile."""

    code = "NOT_CANONICAL"


def dump(value: object) -> str:
    """Return the canonical text of a value that is known to conform to the profile."""
    return "".join(_chunks(value, 0))


def encode(value: object) -> bytes:
    """Return the canonical bytes of `value`; `CanonicalError` outside the profile."""
    check(value)
    return dump(value).encode()


def decode(data: bytes) -> Any:
    """Return the value of canonical bytes.

    Strict: anything that `encode` would write differently (spaces, key order, duplicate keys,
    escapes, `1.0`) is a `CanonicalError`.
    """
    try:
        return decode_text(data.decode())
    except UnicodeDecodeError as error:
        raise CanonicalError("not canonical JSON: not UTF-8") from error


def decode_text(text: str, level: int = 1) -> Any:
    """Decode canonical text nested `level` levels deep in a body, as strictly as `decode`."""
    if "\\" not in text and text.isascii() and level < MAX_DEPTH - 3:
        # Without escapes there is one spelling of each text, so that any encoder that sorts and
        # adds no spaces tells whether this is the canonical one. Six times as fast as below.
        try:
            plain = _plain_decoder.decode(text)
            if _plain_encoder.encode(plain).decode() == text:
                return plain
        except ValueError:
            pass  # deeper, not an object, or not canonical: decided below
    try:
        value, end = _scan(text, 0)
        same = end == len(text) and dump(value) == text
    except (ValueError, RecursionError, StopIteration) as error:
        raise CanonicalError(f"not canonical JSON: {_brief(error)}") from error
    if not same:
        raise CanonicalError("not canonical JSON: another spelling of the same value")
    # The remaining violations are only possible in texts that have one of these properties.
    if (
        not text.isascii()
        or text.count("{") + text.count("[") > MAX_DEPTH - level
        or _WIDE_INTEGER.search(text)
    ):
        _check(value, level)
    return value


def check(value: object) -> None:
    """Raise `CanonicalError` unless `value` conforms to the profile.

    Only the exact types `dict`, `list`, `str`, `int`, `bool` and None are allowed.
    """
    _check(value, 1)


def clean_text(text: str, limit: int = MAX_TEXT_CHARACTERS) -> str:
    """Return `text` with lone surrogates replaced, truncated to `limit` characters.

    A truncated text ends in a marker with the length and SHA-256 of the whole (cleaned) text, so
    that a difference in the truncated part is still detected. Idempotent. `limit` is at least 128.
    """
    text = _SURROGATE.sub("\ufffd", text)
    if len(text) <= limit:
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()
    marker = f"…[{len(text)} characters, sha256:{digest}]"
    return text[: limit - len(marker)] + marker


def clean(value: object) -> Any:
    """Convert `value` to the profile, for data from producers that may not conform to it.

    Texts are cleaned by `clean_text`; integers beyond ±(2^53 - 1) and floats become text; mappings
    and sequences become plain ones; values below 32 levels become `…`. Other types raise
    `CanonicalError`.
    """
    return _clean(value, ASCII_LEVELS)


def _check(value: object, depth: int) -> None:
    kind = type(value)
    if kind is str:
        _check_text(value)  # type: ignore[arg-type]  # narrowed by the exact type
    elif kind is int:
        if not -MAX_INTEGER <= value <= MAX_INTEGER:  # type: ignore[operator]  # as above
            raise CanonicalError("an integer beyond 2^53 - 1 must be text")
    elif kind is dict:
        if depth > MAX_DEPTH:
            raise CanonicalError(f"more than {MAX_DEPTH} levels")
        for key, item in value.items():  # type: ignore[attr-defined]  # as above
            _check_key(key, depth)
            _check(item, depth + 1)
    elif kind is list:
        if depth > MAX_DEPTH:
            raise CanonicalError(f"more than {MAX_DEPTH} levels")
        for item in value:  # type: ignore[attr-defined]  # as above
            _check(item, depth + 1)
    elif value is not None and kind is not bool:
        raise CanonicalError(f"{kind.__name__} has no canonical form")


def _check_text(text: str) -> None:
    if not text.isascii() and _SURROGATE.search(text):
        raise CanonicalError("a lone surrogate is not text")


def _check_key(key: object, depth: int) -> None:
    if type(key) is not str:
        raise CanonicalError("a key must be text")
    if key.isascii():
        return
    if depth <= ASCII_LEVELS:
        raise CanonicalError("a key outside ASCII")
    if max(key) > "\uffff":
        raise CanonicalError("a key outside the basic multilingual plane")
    _check_text(key)


def _clean(value: object, depth: int) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return clean_text(str(value))
    if isinstance(value, int):
        return int(value) if -MAX_INTEGER <= value <= MAX_INTEGER else _integer_text(int(value))
    if isinstance(value, float):
        return repr(float(value))
    if isinstance(value, Mapping):
        if depth > MAX_DEPTH:
            return "…"
        return {_clean_key(key, depth): _clean(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        if depth > MAX_DEPTH:
            return "…"
        items = sorted(value, key=repr) if isinstance(value, set | frozenset) else value
        return [_clean(item, depth + 1) for item in items]
    raise CanonicalError(f"{type(value).__name__} has no canonical form")


def _clean_key(key: object, depth: int) -> str:
    text = clean_text(key if isinstance(key, str) else str(key))
    if text.isascii():
        return text
    if depth <= ASCII_LEVELS:
        return text.encode("ascii", "backslashreplace").decode("ascii")
    return "".join(c if c <= "\uffff" else f"\\U{ord(c):08x}" for c in text)


def _integer_text(value: int) -> str:
    # Python refuses to convert integers of more than 4300 digits to decimal, but not to hexadecimal
    return str(value) if value.bit_length() <= 1024 else clean_text(hex(value))


def _refuse_float(text: str) -> object:
    raise CanonicalError(f"not canonical JSON: the number {text[:40]}")


def _brief(error: Exception) -> str:
    return str(error)[:200] or type(error).__name__


_Integer = Annotated[int, msgspec.Meta(ge=-MAX_INTEGER, le=MAX_INTEGER)]
_Scalar = _Integer | str | bool | None
_Inner = _Scalar | list[_Scalar] | dict[str, _Scalar]
_Outer = _Scalar | list[_Inner] | dict[str, _Inner]
_plain_decoder = msgspec.json.Decoder(dict[str, _Outer])
_plain_encoder = msgspec.json.Encoder(order="sorted")
_chunks = make_encoder(ensure_ascii=False, sort_keys=True)
_decoder = json.JSONDecoder(parse_float=_refuse_float, parse_constant=_refuse_float)
_scan = _decoder.scan_once  # type: ignore[attr-defined]  # untyped
