"""Cosignatures of witnesses, built here from the published format (c2sp.org/tlog-cosignature)."""

import base64
import hashlib

import pytest

from core.audit.format.cosignature import (
    Witness,
    cosigned_message,
    decode_witness_vkey,
    open_cosignature,
)
from core.audit.format.key import InvalidKeyError, encode_vkey
from core.audit.format.note import BadSignatureError, UnknownKeyError, parse_note
from tests.support.memory_chain import MemorySigner

TEXT = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
LOG_LINE = (
    "— example.com/behind-the-sofa "
    "Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8="
)
PUBLISHED_LINE = (
    "— witness.example.com/w1 "
    "jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBI"
    "fZ+qnA=="
)
"""The example of the specification; its public key is not published."""
NAME = "witness.example.com/w1"
SECONDS = 1679315147
SIGNER = MemorySigner(7)
WITNESS = Witness(NAME, SIGNER.public_key)


def a_line(seconds: int = SECONDS, text: str = TEXT, signed_seconds: int | None = None) -> str:
    """Return the signature line of the witness, put together byte by byte."""
    time = seconds if signed_seconds is None else signed_seconds
    message = f"cosignature/v1\ntime {time}\n{text}".encode()
    key_id = hashlib.sha256(NAME.encode() + b"\n\x04" + SIGNER.public_key).digest()[:4]
    raw = key_id + seconds.to_bytes(8, "big") + SIGNER.sign(message)
    return f"— {NAME} {base64.b64encode(raw).decode()}"


def a_note(*lines: str, text: str = TEXT) -> bytes:
    return (text + "\n" + "".join(f"{line}\n" for line in (LOG_LINE, *lines))).encode()


def test_the_published_example_has_its_time_where_it_is_read() -> None:
    found = parse_note(a_note(PUBLISHED_LINE)).signatures[1]
    assert found.name == NAME
    assert int.from_bytes(found.signature[:8], "big") == SECONDS
    assert len(found.signature) == 8 + 64
    assert cosigned_message(SECONDS, TEXT) == (
        b"cosignature/v1\ntime 1679315147\nexample.com/behind-the-sofa\n20852163\n"
        b"CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    )


def test_a_cosignature_by_the_format_is_accepted_among_others() -> None:
    found = open_cosignature(parse_note(a_note(PUBLISHED_LINE, a_line())), WITNESS)
    assert (found.seconds, found.line) == (SECONDS, a_line())


@pytest.mark.parametrize(
    "note",
    [
        a_note(a_line(text=TEXT.replace("20852163", "20852164"))),
        a_note(a_line(signed_seconds=SECONDS + 1)),
        a_note(a_line(seconds=0)),
        a_note(a_line(seconds=2**63 - 1)),
        a_note(a_line(), text=TEXT.replace("CsUY", "DsUY")),
    ],
    ids=["other-size", "other-time", "no-time", "time-beyond-instants", "other-root"],
)
def test_what_the_witness_did_not_sign_is_refused(note: bytes) -> None:
    with pytest.raises(BadSignatureError):
        open_cosignature(parse_note(note), WITNESS)


def test_a_note_without_this_witness_is_no_cosignature_of_it() -> None:
    with pytest.raises(UnknownKeyError):
        open_cosignature(parse_note(a_note(PUBLISHED_LINE)), WITNESS)


def test_the_key_of_a_witness_is_of_its_own_type() -> None:
    raw = base64.b64encode(b"\x04" + SIGNER.public_key).decode()
    key_id = hashlib.sha256(NAME.encode() + b"\n\x04" + SIGNER.public_key).hexdigest()[:8]
    assert decode_witness_vkey(f"{NAME}+{key_id}+{raw}") == WITNESS
    assert WITNESS.vkey == f"{NAME}+{key_id}+{raw}"
    with pytest.raises(InvalidKeyError, match="0x04"):
        decode_witness_vkey(encode_vkey(NAME, SIGNER.public_key))
