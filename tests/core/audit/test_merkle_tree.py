"""The tree that is kept whole gives the proofs of the one that is computed anew each time."""

import pytest

from core.audit.format import merkle
from core.audit.format.merkle_tree import MerkleTree
from core.errors import BugError

LEAVES = [merkle.leaf_hash(bytes([number])) for number in range(70)]


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 31, 33, 64, 70])
def test_roots_and_proofs_are_those_of_the_rfc(size: int) -> None:
    leaves = LEAVES[:size]
    tree = MerkleTree(leaves)
    assert tree.size == size
    assert tree.root() == merkle.root_of(leaves)
    for index in range(size):
        assert tree.leaf(index) == leaves[index]
        assert tree.root(index + 1) == merkle.root_of(leaves[: index + 1])
        assert tree.inclusion_proof(index) == merkle.inclusion_proof(leaves, index)
        assert tree.consistency_proof(index + 1) == merkle.consistency_proof(leaves, index + 1)


def test_what_the_tree_does_not_hold_is_refused() -> None:
    tree = MerkleTree(LEAVES[:3])
    for index in (-1, 3):
        with pytest.raises(BugError):
            tree.inclusion_proof(index)
    for size in (0, 4):
        with pytest.raises(BugError):
            tree.consistency_proof(size)
