import base64
import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.audit.format import merkle
from core.errors import BugError
from tests.support.shared import shared_path

EIGHT_LEAVES = [
    bytes.fromhex(leaf)
    for leaf in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
# Roots over the first n of these leaves: the reference values of the Certificate Transparency code.
EIGHT_ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def _leaves(count: int) -> list[bytes]:
    return [merkle.leaf_hash(b"%d" % i) for i in range(count)]


def _recursive_root(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962, 2.1, as it is written there."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return merkle.node_hash(_recursive_root(leaves[:k]), _recursive_root(leaves[k:]))


def test_roots_equal_the_reference_values_of_certificate_transparency() -> None:
    leaves = [merkle.leaf_hash(data) for data in EIGHT_LEAVES]
    assert [merkle.root_of(leaves[: n + 1]).hex() for n in range(8)] == EIGHT_ROOTS


@given(st.integers(0, 200))
def test_root_of_the_edge_equals_the_recursive_definition(count: int) -> None:
    leaves = _leaves(count)
    edge: list[bytes] = []
    for size, leaf in enumerate(leaves):
        merkle.append(edge, size, leaf)
    assert len(edge) == count.bit_count()
    assert merkle.root_of_edge(edge) == _recursive_root(leaves)


@given(st.integers(1, 130), st.data())
def test_inclusion_proofs_hold_only_for_their_own_leaf_and_place(
    count: int, data: st.DataObject
) -> None:
    index = data.draw(st.integers(0, count - 1))
    leaves = _leaves(count)
    root = merkle.root_of(leaves)
    proof = merkle.inclusion_proof(leaves, index)
    assert merkle.verify_inclusion(leaves[index], index, count, proof, root)
    assert not merkle.verify_inclusion(merkle.leaf_hash(b"x"), index, count, proof, root)
    assert not merkle.verify_inclusion(leaves[index], index, count, [*proof, root], root)
    other = data.draw(st.integers(0, count - 1).filter(lambda i: i != index or count == 1))
    if other != index:
        assert not merkle.verify_inclusion(leaves[index], other, count, proof, root)
    if proof:
        assert not merkle.verify_inclusion(leaves[index], index, count, proof[:-1], root)


@given(st.integers(1, 130), st.data())
def test_consistency_proofs_hold_only_for_a_true_prefix(count: int, data: st.DataObject) -> None:
    size = data.draw(st.integers(1, count))
    leaves = _leaves(count)
    root1, root2 = merkle.root_of(leaves[:size]), merkle.root_of(leaves)
    proof = merkle.consistency_proof(leaves, size)
    assert merkle.verify_consistency(size, count, proof, root1, root2)
    wrong = merkle.root_of([merkle.leaf_hash(b"x"), *leaves[1:size]])
    assert not merkle.verify_consistency(size, count, proof, wrong, root2)
    assert not merkle.verify_consistency(size, count, [*proof, root1], root1, root2)
    if proof:
        assert not merkle.verify_consistency(size, count, proof[:-1], root1, root2)
        assert (size, root1) != (count, root2)


def test_a_proof_from_the_empty_tree_is_refused() -> None:
    root = merkle.root_of(_leaves(3))
    assert not merkle.verify_consistency(0, 3, [], merkle.EMPTY_ROOT, root)
    assert not merkle.verify_consistency(0, 0, [], merkle.EMPTY_ROOT, merkle.EMPTY_ROOT)


def test_a_proof_is_not_made_for_what_is_outside_the_tree() -> None:
    for index in (-1, 3):
        with pytest.raises(BugError):
            merkle.inclusion_proof(_leaves(3), index)
    for size in (0, 4):
        with pytest.raises(BugError):
            merkle.consistency_proof(_leaves(3), size)


def _vectors(kind: str) -> list[dict[str, Any]]:
    folder = shared_path(f"vectors/merkle/{kind}")
    found = sorted(folder.rglob("*.json"))
    assert len(found) > 50
    return [json.loads(path.read_bytes()) for path in found]


def _b64(text: str) -> bytes:
    return base64.b64decode(text or "")


def test_inclusion_vectors_are_judged_as_they_say() -> None:
    for vector in _vectors("inclusion"):
        verdict = merkle.verify_inclusion(
            _b64(vector["leafHash"]),
            vector["leafIdx"],
            vector["treeSize"],
            [_b64(node) for node in vector["proof"] or []],
            _b64(vector["root"]),
        )
        assert verdict is not vector["wantErr"], vector["desc"]


def test_consistency_vectors_are_judged_as_they_say() -> None:
    from_nothing = 0
    for vector in _vectors("consistency"):
        verdict = merkle.verify_consistency(
            vector["size1"],
            vector["size2"],
            [_b64(node) for node in vector["proof"] or []],
            _b64(vector["root1"]),
            _b64(vector["root2"]),
        )
        # Roots of the vectors' trivial cases are placeholders, not hashes; we refuse those as well.
        is_hash = len(_b64(vector["root1"])) == 32
        assert verdict is (not vector["wantErr"] and is_hash), vector["desc"]
        from_nothing += vector["size1"] == 0
    assert from_nothing >= 3
