"""The forms in which the value of a secret may turn up in output. Knows nothing of streams.

A tool rarely prints a secret as it is stored: it is base64-encoded into a header, percent-encoded
into an address, quoted by a shell or escaped into JSON. Each such form is a byte string that is
masked like the value itself. Base64 is by RFC 4648, percent-encoding by RFC 3986.
"""

import base64
import json
import re
from collections.abc import Iterator
from urllib.parse import quote_from_bytes, quote_plus

MIN_FORM_BYTES = 8
"""Shorter byte strings occur by chance; masking them would damage output and reveal the secret."""

_BASE64_DROPPED_CHARACTERS = (0, 2, 3)
"""Leading base64 characters that depend on what stands before the value, by bytes before it."""

_WRAP_CHARACTERS = (76, 64)
"""Line lengths of encoded text: MIME and base64(1), and PEM."""

_SHELL_SPECIAL = re.compile(rb"([^A-Za-z0-9_.,:/@%+=\n-])")
_URL_SAFE = bytes.maketrans(b"+/", b"-_")


def forms_of(value: bytes) -> frozenset[bytes]:
    """Return every form of `value` that is masked, each at least `MIN_FORM_BYTES` long.

    These are the value, each of its lines, and of the whole value: base64 in three alignments (the
    standard and the URL-safe alphabet, wrapped too), hexadecimal in both cases, percent-encoding,
    and the escapes of JSON, shells, HTML and Python.
    """
    forms = {value, value.replace(b"\n", b"\r\n"), *value.splitlines()}
    forms.update(_base64_forms(value))
    hexadecimal = value.hex().encode()
    forms.update((hexadecimal, hexadecimal.upper()))
    forms.update(_percent_forms(value))
    forms.update(_shell_forms(value))
    forms.add(repr(value)[2:-1].encode())
    try:
        text = value.decode()
    except UnicodeDecodeError:
        pass
    else:
        forms.update(_text_forms(text))
    return frozenset(form for form in forms if len(form) >= MIN_FORM_BYTES)


def _base64_forms(value: bytes) -> Iterator[bytes]:
    for before, dropped in enumerate(_BASE64_DROPPED_CHARACTERS):
        encoded = base64.b64encode(b"\0" * before + value)
        whole = (before + len(value)) * 8 // 6  # the character behind depends on what follows
        form = encoded[dropped:whole]
        yield form
        yield form.translate(_URL_SAFE)
    for end in (b"", b"\n"):
        encoded = base64.b64encode(value + end).rstrip(b"=")
        for width in _WRAP_CHARACTERS:
            if len(encoded) > width:
                lines = (encoded[at : at + width] for at in range(0, len(encoded), width))
                yield b"\n".join(lines)


def _percent_forms(value: bytes) -> Iterator[bytes]:
    for safe in ("", "/"):
        form = quote_from_bytes(value, safe=safe).encode()
        yield form
        yield re.sub(rb"%[0-9A-F]{2}", lambda found: found[0].lower(), form)
    yield quote_plus(value).encode()


def _shell_forms(value: bytes) -> Iterator[bytes]:
    yield value.replace(b"'", b"'\\''")
    yield value.replace(b"'", b"'\"'\"'")
    yield _SHELL_SPECIAL.sub(rb"\\\1", value)
    yield re.sub(rb'([$`"\\!])', rb"\\\1", value)


def _text_forms(text: str) -> Iterator[bytes]:
    import html  # its table of entities is large, and most missions have no secret

    for ascii_only in (True, False):
        yield json.dumps(text, ensure_ascii=ascii_only)[1:-1].encode("utf-8", "surrogatepass")
    escaped = html.escape(text)
    yield escaped.encode()
    yield escaped.replace("&#x27;", "&#39;").encode()
    yield html.escape(text, quote=False).encode()
    yield repr(text)[1:-1].encode()
    yield ascii(text)[1:-1].encode()
