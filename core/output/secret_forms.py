"""The forms in which the value of a secret may turn up in output. Knows nothing of streams.

A tool rarely prints a secret as it is stored: it is base64-encoded into a header, percent-encoded
into an address, quoted by a shell or escaped into JSON. Each such form is a byte string that is
masked like the value itself. Base64 is by RFC 4648, percent-encoding by RFC 3986; the escapes are
those of the tools named beside them.
"""

import base64
import json
import re
from collections.abc import Iterator
from itertools import product
from urllib.parse import quote_from_bytes, quote_plus

MIN_FORM_BYTES = 8
"""Shorter byte strings occur by chance; masking them would damage output and reveal the secret."""

MAX_ESCAPED_BYTES = 8 * 1024
"""Of a longer value only itself, its lines, base64 and hexadecimal are forms: each is as long."""

_BASE64_DROPPED_CHARACTERS = (0, 2, 3)
"""Leading base64 characters that depend on what stands before the value, by bytes before it."""

_BASE64_LINE_CHARACTERS = (76, 64)
"""Line lengths of encoded text: MIME and base64(1), and PEM."""

_HEX_LINE_CHARACTERS = 60
"""The line length of `xxd -p`."""

_PERCENT_SAFE = ("", "/", "!'()*", ";/?:@&=+$,#!'()*", "@*+/")
"""Characters left as they are: RFC 3986, Python, encodeURIComponent, encodeURI, escape."""

_BACKSLASHED = (
    rb"([^A-Za-z0-9_.,:/@%+=\n-])",
    rb"([^A-Za-z0-9_.,:/@+\n-])",  # Ruby's Shellwords
    rb"([ \t'\"|&;()<>!{}*\[\]?^$`\\,])",  # %q of bash
    rb'([$`"\\!])',
    rb'([$`"\\])',  # declare -p of bash
    rb"([\\'])",  # a single-quoted string of Perl, PHP, Ruby
    rb'([\\"$@])',  # Data::Dumper of Perl
)
"""Which characters get a backslash."""

_QUOTATION_MARKS = ('"', "&quot;", "&#34;")
_APOSTROPHES = ("'", "&#x27;", "&#39;", "&apos;")
_PLUS_SIGNS = ("+", "&#43;")  # html/template of Go
_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_UNICODE_ESCAPE = re.compile(r"\\u[0-9a-f]{4}")
_GO_JSON = {ord("<"): "\\u003c", ord(">"): "\\u003e", ord("&"): "\\u0026"}


def forms_of(value: bytes) -> frozenset[bytes]:
    """Return every form of `value` that is masked, each at least `MIN_FORM_BYTES` long.

    These are the value, each of its lines, and of the whole value: base64 in three alignments (the
    standard and the URL-safe alphabet) and hexadecimal in both cases, also wrapped, with anything
    before and behind it; percent-encoding, doubled quotes, and the escapes of JSON, shells, HTML
    and programming languages.
    """
    forms = {value, value.replace(b"\n", b"\r\n"), *value.splitlines()}
    forms.update(_base64_forms(value))
    forms.update(_hex_forms(value))
    if len(value) <= MAX_ESCAPED_BYTES:
        forms.update(_percent_forms(value))
        forms.update(_shell_forms(value))
        forms.add(repr(value)[2:-1].encode())
        try:
            text = value.decode()
        except UnicodeDecodeError:
            pass
        else:
            forms.update(_json_forms(text))
            forms.update(_text_forms(text))
    return frozenset(form for form in forms if len(form) >= MIN_FORM_BYTES)


def _base64_forms(value: bytes) -> Iterator[bytes]:
    for before, dropped in enumerate(_BASE64_DROPPED_CHARACTERS):
        encoded = base64.b64encode(b"\0" * before + value)
        whole = (before + len(value)) * 8 // 6  # the character behind depends on what follows
        form = encoded[dropped:whole]
        yield form
        yield form.translate(_URL_SAFE)
        if len(value) <= MAX_ESCAPED_BYTES:
            for width in _BASE64_LINE_CHARACTERS:
                yield from _wrapped(form, width, range(dropped, width, 4))
    for end in (b"", b"\n"):
        encoded = base64.b64encode(value + end).rstrip(b"=")
        for width in _BASE64_LINE_CHARACTERS:
            yield from _wrapped(encoded, width, (0,))


def _hex_forms(value: bytes) -> Iterator[bytes]:
    for form in (value.hex().encode(), value.hex().upper().encode()):
        yield form
        columns = range(0, _HEX_LINE_CHARACTERS, 2) if len(value) <= MAX_ESCAPED_BYTES else (0,)
        yield from _wrapped(form, _HEX_LINE_CHARACTERS, columns)


def _wrapped(form: bytes, width: int, columns: range | tuple[int, ...]) -> Iterator[bytes]:
    """Yield `form` broken into lines, for each column of the first line in which it may begin."""
    for column in columns:
        first = width - column
        if len(form) > first:
            lines = (form[at : at + width] for at in range(first, len(form), width))
            yield b"\n".join((form[:first], *lines))


def _percent_forms(value: bytes) -> Iterator[bytes]:
    forms = [quote_from_bytes(value, safe=safe) for safe in _PERCENT_SAFE]
    forms += [quote_plus(value), quote_plus(value, safe="*")]
    for form in forms:
        yield form.encode()
        yield re.sub(r"%[0-9A-F]{2}", lambda found: found[0].lower(), form).encode()


def _shell_forms(value: bytes) -> Iterator[bytes]:
    yield value.replace(b"'", b"'\\''")
    yield value.replace(b"'", b"'\"'\"'")
    yield value.replace(b"'", b"''")  # SQL, YAML
    yield value.replace(b'"', b'""')  # CSV
    for special in _BACKSLASHED:
        yield re.sub(special, rb"\\\1", value)


def _json_forms(text: str) -> Iterator[bytes]:
    for ascii_only in (True, False):
        plain = json.dumps(text, ensure_ascii=ascii_only)[1:-1]
        upper = _UNICODE_ESCAPE.sub(lambda found: "\\u" + found[0][2:].upper(), plain)
        go = plain.translate(_GO_JSON)
        slashes = plain.replace("/", "\\/")  # PHP
        again = json.dumps(plain, ensure_ascii=ascii_only)[1:-1]  # JSON within JSON
        for form in (plain, upper, go, slashes, again):
            yield form.encode("utf-8", "surrogatepass")


def _text_forms(text: str) -> Iterator[bytes]:
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    for mark, apostrophe, plus in product(_QUOTATION_MARKS, _APOSTROPHES, _PLUS_SIGNS):
        form = escaped.replace('"', mark).replace("'", apostrophe).replace("+", plus)
        yield form.encode()
    yield repr(text)[1:-1].encode()
    yield ascii(text)[1:-1].encode()
