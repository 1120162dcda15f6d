"""Two implementations of the proof checks, from RFC 6962 and from RFC 9162, always agree."""

import random

from core.audit.format import merkle
from tests.support.rfc_proofs import is_consistent, is_included

SIZES = range(1, 34)


def leaves_of(size: int) -> list[bytes]:
    return [merkle.leaf_hash(bytes([number])) for number in range(size)]


def damaged(proof: list[bytes], chance: random.Random) -> list[list[bytes]]:
    """Return proofs that differ: an element changed, removed, added, exchanged."""
    at = chance.randrange(len(proof)) if proof else 0
    changed = [bytes([one[0] ^ 1]) + one[1:] if number == at else one
               for number, one in enumerate(proof)]  # fmt: skip
    return [changed, proof[:-1], proof[1:], [*proof, bytes(32)], [bytes(32), *proof], proof[::-1]]


def test_both_judge_proofs_of_inclusion_alike() -> None:
    chance = random.Random(6962)
    for size in SIZES:
        leaves = leaves_of(size)
        root = merkle.root_of(leaves)
        for index in range(size):
            proof = merkle.inclusion_proof(leaves, index)
            assert is_included(leaves[index], index, size, proof, root)
            assert merkle.verify_inclusion(leaves[index], index, size, proof, root)
            for other in damaged(proof, chance):
                for at, of in ((index, size), (index + 1, size), (index, size + 1)):
                    arguments = leaves[index], at, of, other, root
                    assert is_included(*arguments) == merkle.verify_inclusion(*arguments)
                    assert (
                        other == proof or (at, of) != (index, size) or not is_included(*arguments)
                    )


def test_both_judge_proofs_of_consistency_alike() -> None:
    chance = random.Random(9162)
    for size in SIZES:
        leaves = leaves_of(size)
        new = merkle.root_of(leaves)
        for before in range(1, size + 1):
            old = merkle.root_of(leaves[:before])
            proof = merkle.consistency_proof(leaves, before)
            assert is_consistent(before, size, proof, old, new)
            assert merkle.verify_consistency(before, size, proof, old, new)
            for other in damaged(proof, chance):
                for m, n in ((before, size), (before + 1, size), (before, size + 1), (0, size)):
                    arguments = m, n, other, old, new
                    assert is_consistent(*arguments) == merkle.verify_consistency(*arguments)
                    assert (
                        other == proof or (m, n) != (before, size) or not is_consistent(*arguments)
                    )


def test_the_edge_that_is_remembered_proves_what_a_consistency_proof_does() -> None:
    for size in SIZES:
        leaves = leaves_of(size)
        for before in range(1, size + 1):
            edge: list[bytes] = []
            for number, leaf in enumerate(leaves[:before]):
                merkle.append(edge, number, leaf)
            old = merkle.root_of_edge(edge)
            for number, leaf in enumerate(leaves[before:], before):
                merkle.append(edge, number, leaf)
            proof = merkle.consistency_proof(leaves, before)
            assert is_consistent(before, size, proof, old, merkle.root_of_edge(edge))
