"""The Merkle tree of RFC 6962 (section 2.1) and RFC 9162: hashes, edge, roots and proofs; no I/O.

The *edge* of a tree of n leaves is the tuple of roots of its perfect subtrees, largest first, one
for each bit set in n (a compact range). It is all that is needed to append and to compute the root.
"""

import hashlib
from collections.abc import Iterable, Sequence

HASH_SIZE = 32
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
