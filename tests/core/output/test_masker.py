"""Secrets in output are masked in every form, wherever the stream is cut."""

import base64
import html
import json
import shlex
from collections import Counter
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.output.masker import MASK, MaskedStream, Masker

CANARY = b"c4n'ary/$ecret+<value>&\"x\\y"
TEXT = CANARY.decode()
LINES = b"first line of a key\nsecond line of it\nend of it"


def shown(masker: Masker, pieces: list[bytes]) -> tuple[bytes, Counter[str]]:
    """Return what a stream of these pieces shows, and its redactions."""
    stream = MaskedStream(masker)
    out = b"".join(stream.feed(piece) for piece in pieces)
    return out + stream.flush(), stream.redactions


def cut(data: bytes, size: int) -> list[bytes]:
    """Return the data in pieces of so many bytes."""
    return [data[at : at + size] for at in range(0, len(data), size)]


FORMS = {
    "as it is": CANARY,
    "base64": base64.b64encode(CANARY),
    "base64 behind one byte": base64.b64encode(b"u" + CANARY + b"zz"),
    "base64 behind two bytes": base64.b64encode(b"u:" + CANARY + b"z"),
    "base64, URL-safe": base64.urlsafe_b64encode(b"u:" + CANARY),
    "hexadecimal": CANARY.hex().encode(),
    "hexadecimal, upper case": CANARY.hex().upper().encode(),
    "percent-encoded": quote(TEXT, safe="").encode(),
    "percent-encoded, slashes kept": quote(TEXT).encode(),
    "form-encoded": quote_plus(TEXT).encode(),
    "JSON": json.dumps({"a": TEXT}).encode(),
    "quoted for a shell": shlex.quote(TEXT).encode(),
    "HTML": html.escape(TEXT).encode(),
    "a Python text": repr(TEXT).encode(),
    "Python bytes": repr(CANARY).encode(),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("size", [*range(1, 12), 65536])
def test_every_form_is_masked_at_every_cut(form: str, size: int) -> None:
    data = b"before " + FORMS[form] + b" after"
    out, redactions = shown(Masker({"CANARY": CANARY}), cut(data, size))
    assert MASK in out
    assert redactions == {"CANARY": 1}
    assert out.startswith(b"before ")
    assert out.endswith(b" after")
    plain = out.replace(MASK, b"")
    whole = FORMS[form]
    left = [whole[at : at + 8] for at in range(len(whole) - 7) if whole[at : at + 8] in plain]
    assert left == [], "eight bytes of the form are left"


def test_a_line_break_in_a_secret_matches_any_white_space() -> None:
    masker = Masker({"KEY": LINES})
    for joined in (b" ", b"\t", b"\r\n", b"\r"):
        out, _ = shown(masker, [b"+ echo " + LINES.replace(b"\n", joined) + b"!"])
        assert out == b"+ echo ***!"


def test_each_long_line_of_a_secret_is_masked_on_its_own() -> None:
    assert Masker({"KEY": LINES}).mask(b"x second line of it y end of it") == b"x *** y ***"


def test_a_wrapped_base64_of_a_long_secret_is_masked() -> None:
    key = bytes(range(33, 126)) * 3
    wrapped = base64.encodebytes(key)
    assert Masker({"KEY": key}).mask(b"key:\n" + wrapped) == b"key:\n***\n"


def test_what_cannot_begin_a_secret_is_not_held_back() -> None:
    stream = MaskedStream(Masker({"CANARY": b"sesame-open"}))
    assert stream.feed(b"Password? ") == b"Password? "
    assert stream.feed(b"ses") == b""
    assert stream.feed(b"sion") == b"session"


def test_a_secret_that_repeats_itself_is_masked_without_holding_all_of_it() -> None:
    stream = MaskedStream(Masker({"A": b"aaaaaaaaa"}))
    out = stream.feed(b"<")
    for _ in range(1000):
        out += stream.feed(b"aaaa")
    out += stream.feed(b">") + stream.flush()
    assert out == b"<***>"
    assert stream.redactions == {"A": 1}


def test_a_secret_that_is_added_is_masked_from_then_on() -> None:
    masker = Masker()
    stream = MaskedStream(masker)
    assert stream.feed(b"minted-token ") == b"minted-token "
    masker.add("MINTED", b"minted-token")
    assert stream.feed(b"minted-token ") + stream.flush() == b"*** "


def test_values_are_masked_inside_structures() -> None:
    counts: Counter[str] = Counter()
    value = {"a": ["x sesame-open", 1, None], "sesame-open": {"b": "none"}}
    masked = Masker({"S": b"sesame-open"}).mask_value(value, counts)
    assert masked == {"a": ["x ***", 1, None], "***": {"b": "none"}}
    assert counts == {"S": 2}


LETTERS = st.binary(max_size=60).map(lambda data: bytes(b"abc\n "[byte % 5] for byte in data))
SECRETS = st.lists(
    st.binary(min_size=8, max_size=14).map(lambda data: bytes(b"abc "[byte % 4] for byte in data)),
    min_size=1,
    max_size=3,
)


@given(
    secrets=SECRETS, text=st.lists(LETTERS | st.sampled_from(range(3)), max_size=8), data=st.data()
)
def test_the_result_does_not_depend_on_the_cuts(
    secrets: list[bytes], text: list[bytes | int], data: st.DataObject
) -> None:
    masker = Masker({f"S{number}": secret for number, secret in enumerate(secrets)})
    whole = b"".join(
        secrets[part % len(secrets)] if isinstance(part, int) else part for part in text
    )
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=10)))
    pieces = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert shown(masker, pieces) == shown(masker, [whole])
    for secret in secrets:
        if secret in whole:
            assert MASK in shown(masker, [whole])[0]
