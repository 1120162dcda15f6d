"""The Merkle tree of RFC 6962 (section 2.1) and RFC 9162: hashes, edge, roots and proofs; no I/O.

The *edge* of a tree of n leaves is the tuple of roots of its perfect subtrees, largest first, one
for each bit set in n (a compact range). It is all that is needed to append and to compute the root.
"""

import hashlib
from collections.abc import Iterable, Sequence

from core.errors import BugError

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()

_sha256 = hashlib.sha256


def leaf_hash(data: bytes) -> bytes:
    """Return SHA-256(0x00 || data)."""
    return _sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return SHA-256(0x01 || left || right)."""
    return _sha256(b"\x01" + left + right).digest()


def append(edge: list[bytes], size: int, leaf: bytes) -> None:
    """Add the hash of leaf number `size` (from 0) to the edge of a tree of `size` leaves."""
    while size & 1:
        leaf = _sha256(b"\x01" + edge.pop() + leaf).digest()
        size >>= 1
    edge.append(leaf)


def root_of_edge(edge: Sequence[bytes]) -> bytes:
    """Return the root of the tree with this edge; that of the empty tree is SHA-256 of nothing."""
    if not edge:
        return EMPTY_ROOT
    root = edge[-1]
    for left in reversed(edge[:-1]):
        root = node_hash(left, root)
    return root


def root_of(leaves: Iterable[bytes]) -> bytes:
    """Return the root over leaf hashes, in constant memory."""
    edge: list[bytes] = []
    for size, leaf in enumerate(leaves):
        append(edge, size, leaf)
    return root_of_edge(edge)


def inclusion_proof(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """Return the audit path PATH(index, leaves) of RFC 6962, 2.1.1, leaf side first.

    `index` counts from 0 and lies within `leaves` (leaf hashes).
    """
    if not 0 <= index < len(leaves):
        raise BugError(f"no leaf {index} in a tree of {len(leaves)}")
    path: list[bytes] = []
    start, end = 0, len(leaves)
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(root_of(leaves[middle:end]))
            end = middle
        else:
            path.append(root_of(leaves[start:middle]))
            start = middle
    path.reverse()
    return path


def consistency_proof(leaves: Sequence[bytes], size: int) -> list[bytes]:
    """Return PROOF(size, leaves) of RFC 6962, 2.1.2: that the first `size` leaves are a prefix.

    `size` lies within 1..len(leaves); the proof of a tree with itself is empty.
    """
    if not 0 < size <= len(leaves):
        raise BugError(f"no tree of {size} leaves within one of {len(leaves)}")
    proof: list[bytes] = []
    start, end = 0, len(leaves)
    whole = True
    while size != end:
        middle = start + _split(end - start)
        if size <= middle:
            proof.append(root_of(leaves[middle:end]))
            end = middle
        else:
            proof.append(root_of(leaves[start:middle]))
            start = middle
            whole = False
    if not whole:
        proof.append(root_of(leaves[start:end]))
    proof.reverse()
    return proof


def verify_inclusion(
    leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes
) -> bool:
    """Tell whether `proof` shows `leaf` at `index` of the tree of `size` leaves with this root.

    RFC 9162, 2.1.3.2.
    """
    if not 0 <= index < size or not _are_hashes(leaf, root, *proof):
        return False
    first, last, found = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if first & 1 or first == last:
            found = node_hash(sibling, found)
            while not first & 1 and first:
                first >>= 1
                last >>= 1
        else:
            found = node_hash(found, sibling)
        first >>= 1
        last >>= 1
    return last == 0 and found == root


def verify_consistency(
    size1: int, size2: int, proof: Sequence[bytes], root1: bytes, root2: bytes
) -> bool:
    """Tell whether `proof` shows the tree of `size1` leaves to be a prefix of that of `size2`.

    RFC 9162, 2.1.4.2. The empty tree is a prefix of all and proves nothing: `size1` 0 is refused.
    """
    if not 0 < size1 <= size2 or not _are_hashes(root1, root2, *proof):
        return False
    if size1 == size2:
        return not proof and root1 == root2
    path = list(proof) if size1 & (size1 - 1) else [root1, *proof]
    if not path:
        return False
    first, last = size1 - 1, size2 - 1
    while first & 1:
        first >>= 1
        last >>= 1
    found1 = found2 = path[0]
    for node in path[1:]:
        if last == 0:
            return False
        if first & 1 or first == last:
            found1 = node_hash(node, found1)
            found2 = node_hash(node, found2)
            while not first & 1 and first:
                first >>= 1
                last >>= 1
        else:
            found2 = node_hash(found2, node)
        first >>= 1
        last >>= 1
    return last == 0 and found1 == root1 and found2 == root2


def _split(size: int) -> int:
    """Return the largest power of two below `size` (at least 2)."""
    return 1 << (size - 1).bit_length() - 1


def _are_hashes(*values: bytes) -> bool:
    return all(len(value) == HASH_BYTES for value in values)
