"""A whole Merkle tree of RFC 6962 in memory, for many proofs over the same leaves.

`merkle` computes one proof in time proportional to the leaves; here each takes O(log n) once the
tree is built. A tree of a million leaves takes 64 MB.
"""

from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Sequence

from core.audit.format.merkle import HASH_BYTES, node_hash, root_of_edge
from core.errors import BugError


class MerkleTree:
    """The roots of all perfect subtrees: `_levels[k]` holds those over 2^k leaves, in order."""

    def __init__(self, leaves: Iterable[bytes]) -> None:
        self._levels = [bytearray(b"".join(leaves))]
        self.size = len(self._levels[0]) // HASH_BYTES
        while len(below := self._levels[-1]) >= 2 * HASH_BYTES:
            level = bytearray()
            for start in range(0, len(below) - 2 * HASH_BYTES + 1, 2 * HASH_BYTES):
                middle, end = start + HASH_BYTES, start + 2 * HASH_BYTES
                level += node_hash(bytes(below[start:middle]), bytes(below[middle:end]))
            self._levels.append(level)

    def leaf(self, index: int) -> bytes:
        """Return the hash of leaf `index`, from 0."""
        return self._node(0, index)

    def root(self, size: int | None = None) -> bytes:
        """Return the root of the first `size` leaves, by default of all."""
        return self._range_root(0, self.size if size is None else size)

    def inclusion_proof(self, index: int) -> list[bytes]:
        """Return PATH(index, leaves) of RFC 6962, 2.1.1, leaf side first."""
        if not 0 <= index < self.size:
            raise BugError(f"no leaf {index} in a tree of {self.size}")
        path = []
        start, end = 0, self.size
        while end - start > 1:
            middle = start + (1 << (end - start - 1).bit_length() - 1)
            if index < middle:
                path.append(self._range_root(middle, end))
                end = middle
            else:
                path.append(self._range_root(start, middle))
                start = middle
        return path[::-1]

    def consistency_proof(self, size: int) -> list[bytes]:
        """Return PROOF(size, leaves) of RFC 6962, 2.1.2; `size` lies within 1..self.size."""
        if not 0 < size <= self.size:
            raise BugError(f"no tree of {size} leaves within one of {self.size}")
        proof = []
        start, end = 0, self.size
        while size != end:
            middle = start + (1 << (end - start - 1).bit_length() - 1)
            if size <= middle:
                proof.append(self._range_root(middle, end))
                end = middle
            else:
                proof.append(self._range_root(start, middle))
                start = middle
        if start:
            proof.append(self._range_root(start, end))
        return proof[::-1]

    def cover(
        self, leaves: Sequence[int], sizes: Collection[int]
    ) -> Iterator[tuple[int, int, bytes]]:
        """Yield (first leaf, number of leaves, root) of the fewest subtrees between `leaves`.

        With `leaves`, which are in order, they give the root of the whole tree and of the first so
        many leaves for each of `sizes`.
        """
        cuts = sorted({*sizes, *leaves, *(leaf + 1 for leaf in leaves)})
        shown = set(leaves)

        def within(start: int, end: int) -> Iterator[tuple[int, int, bytes]]:
            at = bisect_right(cuts, start)
            if at < len(cuts) and cuts[at] < end:
                middle = start + (1 << (end - start - 1).bit_length() - 1)
                yield from within(start, middle)
                yield from within(middle, end)
            elif end - start > 1 or start not in shown:
                yield start, end - start, self._range_root(start, end)

        if self.size:
            yield from within(0, self.size)

    def _range_root(self, start: int, end: int) -> bytes:
        """Return the root over leaves `start`..`end`; `start` is a multiple of their subtree."""
        edge = []
        while start < end:
            level = (end - start).bit_length() - 1
            edge.append(self._node(level, start >> level))
            start += 1 << level
        return root_of_edge(edge)

    def _node(self, level: int, index: int) -> bytes:
        return bytes(self._levels[level][index * HASH_BYTES : (index + 1) * HASH_BYTES])
