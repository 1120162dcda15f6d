"""What tools make of a value is among its forms: quoted, escaped, encoded, wrapped, doubled."""

import base64
import csv
import html
import io
import json
import shutil
import string
import subprocess
import sys
from collections.abc import Callable
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

import pytest

from core.output.masker import MaskedStream, Masker
from core.output.secret_forms import forms_of

VALUES = {
    "letters": "qVwYS81VP7Hb1DX8pPd5khxE3pyIgKpaUnArl63XykWZeiNNCiia3anXn9k3ksu9mI4ROnl89Sm995yt",
    "signs": "a]Ri'N*Ox)w\\G=\"U[b&f`z+F(S.T:G\\V$l@A._U<l>N{t~N}k;Z,e|q?Q!w#x/Y%z",
    "spaces": "pass word & more 'of' \"it\"",
    "unicode": "пароль-ünïcode-日本/+<&>'\"",
    "token": "ab+cd/ef==.gh-ij_kl",
}


def csv_row(text: str) -> str:
    """Return a row of CSV whose fields are all quoted."""
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL).writerow([text, "1"])
    return out.getvalue()


def go_html(text: str) -> str:
    """Escape as html/template of Go does."""
    escaped = text
    for sign, entity in (("&", "&amp;"), ("'", "&#39;"), ('"', "&#34;"), ("<", "&lt;"),
                         (">", "&gt;"), ("+", "&#43;")):  # fmt: skip
        escaped = escaped.replace(sign, entity)
    return escaped


def go_json(text: str) -> str:
    """Escape as encoding/json of Go does."""
    plain = json.dumps(text, ensure_ascii=False)
    return plain.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


MADE: dict[str, Callable[[str], str]] = {
    "plain": str,
    "json": json.dumps,
    "json in json": lambda text: json.dumps(json.dumps({"a": text})),
    "json of PHP": lambda text: json.dumps(text).replace("/", "\\/"),
    "json of Go": go_json,
    "repr": repr,
    "bytes": lambda text: repr(text.encode()),
    "csv": csv_row,
    "sql": lambda text: "'" + text.replace("'", "''") + "'",
    "html": html.escape,
    "html of Go": go_html,
    "xml": quoteattr,
    "encodeURIComponent": lambda text: quote(text, safe="!'()*~"),
    "encodeURI": lambda text: quote(text, safe=";/?:@&=+$,#!'()*~"),
}


@pytest.mark.parametrize("made", MADE)
@pytest.mark.parametrize("name", VALUES)
def test_what_a_program_makes_of_a_value_is_masked(made: str, name: str) -> None:
    value = VALUES[name]
    out = MADE[made](value)
    masked = Masker({"A": value.encode()}).mask_text(f"before {out} behind")
    assert masked.count("***") == 1
    assert len(masked) < len("before *** behind") + 20, masked


BASH = {
    "%q": "printf '%q\\n' \"$S\"",
    "trace": 'set -x; : "$S"',
    "trace of an assignment": 'set -x; A="$S"',
    "declare": "declare -p S",
    "@Q": 'echo "${S@Q}"',
    "base64": 'printf %s "$S" | base64',
    "xxd": 'printf %s "$S" | xxd -p',
}


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
@pytest.mark.parametrize("command", BASH)
@pytest.mark.parametrize("name", ["letters", "signs", "spaces", "token"])
def test_what_a_shell_makes_of_a_value_is_masked(command: str, name: str) -> None:
    if command == "xxd" and shutil.which("xxd") is None:
        pytest.skip("needs xxd")
    value = VALUES[name]
    environ = {"S": value, "PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        ["bash", "-c", BASH[command]], env=environ, capture_output=True, check=True
    )
    out = done.stdout + done.stderr
    masked = Masker({"A": value.encode()}).mask(out)
    assert b"***" in masked
    assert len(masked) < 40, masked


@pytest.mark.parametrize("before", range(80))
@pytest.mark.parametrize("width", [64, 76])
def test_wrapped_base64_is_masked_whatever_stands_before_the_value(before: int, width: int) -> None:
    value = VALUES["letters"].encode()
    encoded = base64.b64encode(b"u" * before + value + b"zzzz").decode()
    text = "\n".join(encoded[at : at + width] for at in range(0, len(encoded), width))
    masked = Masker({"A": value}).mask_text(text)
    assert masked.count("***") == 1
    padding = base64.b64encode(b"u" * before).decode().rstrip("=")
    assert len(masked.replace("\n", "")) <= len(padding) + 3 + 12, masked


@pytest.mark.parametrize("before", range(31))
def test_wrapped_hexadecimal_is_masked_whatever_stands_before_the_value(before: int) -> None:
    value = VALUES["letters"].encode()
    encoded = (b"u" * before + value).hex()
    text = "\n".join(encoded[at : at + 60] for at in range(0, len(encoded), 60))
    masked = Masker({"A": value}).mask_text(text)
    assert masked.replace("\n", "") == "75" * before + "***"


def test_a_long_value_has_few_forms_and_is_masked_all_the_same() -> None:
    value = (string.ascii_letters * 5_000)[:250_000].encode()
    assert sum(map(len, forms_of(value))) < 30 * len(value)
    masker = Masker({"A": value})
    for form in (value, base64.b64encode(value), value.hex().encode()):
        masked = masker.mask(b"<" + form + b">")
        assert masked.startswith(b"<***")
        assert len(masked) < 10


def test_a_masker_of_one_long_value_takes_little_memory() -> None:
    program = (
        "import os, resource; from core.output.masker import Masker\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "Masker({'A': os.urandom(250_000).hex().encode()})\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert int(done.stdout) < 150 * 1024, "kilobytes"


def test_many_values_that_are_added_one_by_one_are_all_masked() -> None:
    masker = Masker({"FIRST": b"the-first-of-them"})
    values = [b"minted-%03d-%03d" % (number, 7 * number) for number in range(200)]
    for number, value in enumerate(values):
        masker.add("minted", value)
        seen = b" ".join(values[: number + 1 : 20])
        assert masker.mask(seen) == b" ".join([b"***"] * len(seen.split()))
    assert masker.mask(b"the-first-of-them") == b"***"
    stream = MaskedStream(masker)
    pieces = [value[at : at + 3] for value in values for at in range(0, len(value), 3)]
    out = b"".join(map(stream.feed, pieces)) + stream.flush()
    assert out == b"***" * len(values)
    assert stream.redactions == {"minted": len(values)}
