import base64
import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.audit.format import note
from core.audit.format.checkpoint import (
    log_verifier,
    open_checkpoint,
    origin_of,
    parse_checkpoint,
    sign_checkpoint,
)
from core.audit.format.key import InvalidKeyError, Verifier, decode_vkey, encode_vkey, key_id
from core.errors import AuditError
from tests.support.memory_chain import MemorySigner
from tests.support.shared import shared_path

ROOT = bytes(range(32))
P = 2**255 - 19
LOW_ORDER = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
]


def a_checkpoint(size: int = 5, root: bytes = ROOT, log_id: str = "log", seed: int = 1) -> bytes:
    return sign_checkpoint(origin_of(log_id), size, root, MemorySigner(seed))


def a_verifier(log_id: str = "log", seed: int = 1) -> Verifier:
    return log_verifier(log_id, MemorySigner(seed).public_key)


def test_a_checkpoint_is_the_published_format_to_the_byte() -> None:
    signer = MemorySigner()
    text = b"missiondeck/log\n5\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"
    hint = hashlib.sha256(b"missiondeck/log\n\x01" + signer.public_key).digest()[:4]
    signature = base64.b64encode(hint + signer.sign(text))
    assert a_checkpoint() == text + b"\n\xe2\x80\x94 missiondeck/log " + signature + b"\n"


def test_the_note_of_the_specification_parses() -> None:
    data = (
        "Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n"
        "\ned è subito sera.\n\n"
        "— quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKON"
        "rMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=\n"
    ).encode()
    found = note.parse_note(data)
    assert found.text.endswith("\n\ned è subito sera.\n")
    assert found.signatures[0].name == "quasimodo.example/salvatore"
    assert found.signatures[0].key_id.hex() == "367ba04b"


def test_a_checkpoint_opens_with_its_key() -> None:
    found = open_checkpoint(a_checkpoint(), [a_verifier(seed=2), a_verifier()])
    assert (found.origin, found.size, found.root) == ("missiondeck/log", 5, ROOT)
    assert found.signed_by == a_verifier()


def test_a_checkpoint_of_another_key_or_log_is_by_nobody_known() -> None:
    for data, verifiers in (
        (a_checkpoint(seed=2), [a_verifier()]),
        (a_checkpoint(log_id="other"), [a_verifier()]),
        (a_checkpoint(), []),
    ):
        with pytest.raises(note.UnknownKeyError):
            open_checkpoint(data, verifiers)


def test_a_key_cannot_sign_for_another_origin() -> None:
    verifier = Verifier("somebody", MemorySigner().public_key)
    data = note.sign_note(
        a_checkpoint().decode().split("\n\n")[0] + "\n", "somebody", MemorySigner()
    )
    with pytest.raises(note.NoteError, match="signed for"):
        open_checkpoint(data, [verifier])


def test_signatures_by_others_beside_the_known_one_are_ignored() -> None:
    mine, theirs = a_checkpoint(), a_checkpoint(seed=2)
    both = theirs + mine.split(b"\n\n")[1]
    assert open_checkpoint(both, [a_verifier()]).size == 5


def test_one_wrong_signature_by_a_known_key_spoils_the_note() -> None:
    mine = a_checkpoint()
    line = mine.split(b"\n\n")[1]
    wrong = a_checkpoint(size=6).split(b"\n\n")[1]
    for data in (mine + wrong, mine.replace(line, wrong)):
        with pytest.raises(note.BadSignatureError):
            open_checkpoint(data, [a_verifier()])


def test_every_single_byte_of_a_checkpoint_counts() -> None:
    data = a_checkpoint()
    for at in range(len(data)):
        for bit in range(8):
            changed = bytearray(data)
            changed[at] ^= 1 << bit
            with pytest.raises(AuditError):
                open_checkpoint(bytes(changed), [a_verifier()])


@given(st.binary(max_size=300) | st.text(max_size=200).map(str.encode))
def test_bytes_that_are_no_note_are_refused_politely(data: bytes) -> None:
    with pytest.raises(AuditError):
        open_checkpoint(data, [a_verifier()])


@pytest.mark.parametrize(
    "body",
    [
        "",
        "missiondeck/log\n",
        "missiondeck/log\n5\n",
        "missiondeck/log\n05\n{root}\n",
        "missiondeck/log\n+5\n{root}\n",
        "missiondeck/log\n5 \n{root}\n",
        "missiondeck/log\n-1\n{root}\n",
        "missiondeck/log\n٥\n{root}\n",
        "missiondeck/log\n99999999999999999999999\n{root}\n",
        "missiondeck/log\n5\n{root}\nextension\n",
        "missiondeck/log\n5\nAAAA\n",
        "missiondeck/log\n5\n{root}=\n",
        " \n5\n{root}\n",
        "\n5\n{root}\n",
    ],
)
def test_a_signed_text_that_is_no_checkpoint_is_refused(body: str) -> None:
    text = body.format(root=base64.b64encode(ROOT).decode()) or "\n"
    data = note.sign_note(text, "missiondeck/log", MemorySigner())
    with pytest.raises(note.NoteError):
        open_checkpoint(data, [a_verifier()])
    with pytest.raises(note.NoteError):
        parse_checkpoint(data)


def test_a_note_is_limited_in_size_and_signatures() -> None:
    line = a_checkpoint().split(b"\n\n")[1]
    with pytest.raises(note.NoteError, match="more than"):
        note.parse_note(a_checkpoint() + line * 64)
    with pytest.raises(note.NoteError, match="more than"):
        note.parse_note(b"x" * 100_000)


def test_text_with_control_characters_is_not_signed() -> None:
    for text in ("no line feed", "bell \x07\n", "carriage\r\n"):
        with pytest.raises(note.NoteError):
            note.sign_note(text, "name", MemorySigner())
    with pytest.raises(InvalidKeyError):
        note.sign_note("text\n", "a name", MemorySigner())


def test_a_vkey_reads_back_and_has_only_one_spelling() -> None:
    public = MemorySigner().public_key
    vkey = encode_vkey("missiondeck", public)
    assert decode_vkey(vkey) == Verifier("missiondeck", public)
    assert vkey.split("+", 2)[1] == key_id("missiondeck", public).hex()
    for wrong in (
        "",
        "missiondeck",
        vkey[:-4],
        vkey + "=",
        vkey.upper(),
        vkey.replace("missiondeck", "missiondecK"),
        vkey.replace("missiondeck", "mission deck"),
        vkey.replace("missiondeck", ""),
        vkey.replace("+AY", "+BY"),
        vkey + "\n",
    ):
        with pytest.raises(InvalidKeyError):
            decode_vkey(wrong)


def test_the_fourteen_low_order_keys_and_non_canonical_ones_are_refused() -> None:
    keys = {bytes.fromhex(key) for key in LOW_ORDER}
    keys |= {key[:31] + bytes([key[31] | 0x80]) for key in keys}
    assert len(keys) == 14
    non_canonical = {(P + y).to_bytes(32, "little") for y in range(19)}
    for key in keys | non_canonical | {b"", b"x" * 31, b"x" * 33}:
        with pytest.raises(InvalidKeyError):
            Verifier("name", key)


def _accepts(public: str, message: bytes, signature: str) -> bool:
    try:
        return Verifier("name", bytes.fromhex(public)).verify(message, bytes.fromhex(signature))
    except InvalidKeyError:
        return False


def test_wycheproof_signatures_are_judged_as_published() -> None:
    groups = json.loads(shared_path("vectors/wycheproof_ed25519_test.json").read_bytes())[
        "testGroups"
    ]
    count = 0
    for group in groups:
        for case in group["tests"]:
            verdict = _accepts(group["publicKey"]["pk"], bytes.fromhex(case["msg"]), case["sig"])
            assert verdict is (case["result"] == "valid"), case
            count += 1
    assert count == 151


def test_cctv_edge_cases_are_accepted_only_where_all_verifiers_agree() -> None:
    """What is low-order or non-canonical anywhere is refused; a torsion residue is not forgiven."""
    refused = {"low_order_A", "non_canonical_A", "non_canonical_R", "low_order_residue"}
    cases = json.loads(shared_path("vectors/cctv_ed25519vectors.json").read_bytes())
    for case in cases:
        flags = set(case["flags"] or ())
        verdict = _accepts(case["key"], case["msg"].encode(), case["sig"])
        assert verdict is not bool(flags & refused), case
