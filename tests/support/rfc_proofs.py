"""The checks of Merkle proofs once more, written from RFC 6962, 2.1, alone: recursively.

The project's own checks follow the iterative algorithms of RFC 9162. These rebuild the tree from
the definitions of PATH and PROOF: the roots that the elements of a proof stand for follow from the
sizes, so both roots are computed top-down and compared.
"""

import hashlib
from collections.abc import Iterator, Sequence


class _WrongLengthError(Exception):
    """Raised for a proof with fewer elements than the sizes demand."""


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def _k(n: int) -> int:
    """Return the largest power of two smaller than n, as 2.1 defines k."""
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def _next(proof: Iterator[bytes]) -> bytes:
    try:
        return next(proof)
    except StopIteration:
        raise _WrongLengthError from None


def is_included(leaf: bytes, m: int, n: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Tell whether the proof is PATH(m, D[n]) (2.1.1) of a tree with this root."""
    if not 0 <= m < n:
        return False
    rest = iter(reversed(proof))  # the last element is the sibling nearest to the root

    def mth(m: int, n: int) -> bytes:
        if n == 1:
            return leaf
        k = _k(n)
        sibling = _next(rest)
        return _node(mth(m, k), sibling) if m < k else _node(sibling, mth(m - k, n - k))

    try:
        found = mth(m, n)
    except _WrongLengthError:
        return False
    return found == root and next(rest, None) is None


def is_consistent(m: int, n: int, proof: Sequence[bytes], old: bytes, new: bytes) -> bool:
    """Tell whether the proof is PROOF(m, D[n]) (2.1.2) between trees with these roots."""
    if not 0 < m <= n:
        return False
    rest = iter(reversed(proof))

    def both(m: int, n: int, *, whole: bool) -> tuple[bytes, bytes]:
        """Return MTH(D[0:m]) and MTH(D[0:n]) from SUBPROOF(m, D[n], whole)."""
        if m == n:
            known = old if whole else _next(rest)
            return known, known
        k = _k(n)
        if m <= k:
            right = _next(rest)
            first, left = both(m, k, whole=whole)
            return first, _node(left, right)
        left = _next(rest)
        first, right = both(m - k, n - k, whole=False)
        return _node(left, first), _node(left, right)

    try:
        found_old, found_new = both(m, n, whole=True)
    except _WrongLengthError:
        return False
    return found_old == old and found_new == new and next(rest, None) is None
