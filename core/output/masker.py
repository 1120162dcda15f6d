"""Masks secrets in output: `***` in place of every form of a value, across all piece borders.

Masking works on bytes. White space is compared as one class, because shells and log formatters join
and wrap lines. Of a stream only those last bytes are held back that may be the beginning of a form;
so the result does not depend on how the stream was cut into pieces.
"""

import bisect
from collections import Counter
from collections.abc import Mapping
from typing import Any

from core.output.secret_forms import MIN_FORM_BYTES, forms_of

MASK = b"***"
MASK_TEXT = "***"

HEAD_BYTES = 32
"""How much of a form the automaton looks for; the rest is compared. So long values are cheap."""

_ELLIPSIS = "…".encode()
_ONE_SPACE = bytes.maketrans(b" \t\r\v\f", b"\n\n\n\n\n")


class Masker:
    """The secrets that one execution has read so far, by name, ready to be found.

    Secrets may be added at any time. Streams that are open then mask them from their next bytes on.
    """

    def __init__(self, secrets: Mapping[str, bytes] | None = None) -> None:
        self._known: set[tuple[str, bytes]] = set()
        self._needles: list[_Needles] = []
        """Ever smaller ones: a value that is added does not compile all others again."""
        owners: dict[bytes, set[str]] = {}
        for name, value in (secrets or {}).items():
            self._own(name, value, owners)
        self._take(owners)

    def __bool__(self) -> bool:
        """Tell whether there is anything to mask."""
        return bool(self._needles)

    @property
    def longest_bytes(self) -> int:
        """The length of the longest form, 0 without secrets."""
        return max((one.longest for one in self._needles), default=0)

    def add(self, name: str, value: bytes) -> None:
        """Mask this value, too, from now on. A value under `MIN_FORM_BYTES` is not masked."""
        if (name, value) not in self._known:  # many attempts read the same secret
            owners: dict[bytes, set[str]] = {}
            self._own(name, value, owners)
            self._take(owners)

    def mask(self, data: bytes, counts: Counter[str] | None = None) -> bytes:
        """Return `data` with every secret masked, and count redactions by the secret's name."""
        if not self._needles:
            return data
        stream = MaskedStream(self)
        masked = stream.feed(data) + stream.flush()
        if counts is not None:
            counts.update(stream.redactions)
        return masked

    def mask_text(self, text: str, counts: Counter[str] | None = None) -> str:
        """Return `text` with every secret masked."""
        if not self._needles or len(text) < MIN_FORM_BYTES:
            return text
        data = text.encode("utf-8", "surrogatepass")
        masked = self._mask_cut_end(self.mask(data, counts))
        return text if masked == data else masked.decode("utf-8", "surrogatepass")

    def mask_value(self, value: Any, counts: Counter[str] | None = None) -> Any:
        """Return a JSON value with every secret in its texts and keys masked.

        Structured data is masked before it is encoded: an encoder could break a secret in two.
        """
        if not self._needles:
            return value
        if isinstance(value, str):
            return self.mask_text(value, counts)
        if isinstance(value, Mapping):
            return {
                self.mask_value(key, counts): self.mask_value(item, counts)
                for key, item in value.items()
            }
        if isinstance(value, list | tuple):
            return [self.mask_value(item, counts) for item in value]
        if isinstance(value, int | float) and not isinstance(value, bool):
            shown = str(value)
            masked = self.mask_text(shown, counts)
            return value if masked == shown else masked
        return value

    def _mask_cut_end(self, data: bytes) -> bytes:
        """Mask a form of which the end of a shortened text has left the beginning."""
        kept = data.removesuffix(_ELLIPSIS)
        start = self.first_partial(comparable(kept))
        if len(kept) - start < MIN_FORM_BYTES:
            return data
        return kept[:start] + MASK + data[len(kept) :]

    def found(self, comparable: bytes) -> list[tuple[int, int, frozenset[str]]]:
        """Return (start, end, names) of all occurrences in `comparable`, by start, overlaps too."""
        return sorted(found for one in self._needles for found in one.found(comparable))

    def first_partial(self, comparable: bytes) -> int:
        """Return where the first beginning of a form that the end of the data cuts off stands.

        That is the length of the data when nothing at its end may be the beginning of a form.
        """
        size = len(comparable)
        return min((one.first_partial(comparable) for one in self._needles), default=size)

    def _own(self, name: str, value: bytes, owners: dict[bytes, set[str]]) -> None:
        self._known.add((name, value))
        if len(value) >= MIN_FORM_BYTES:
            for form in forms_of(value):
                owners.setdefault(comparable(form), set()).add(name)

    def _take(self, owners: dict[bytes, set[str]]) -> None:
        """Compile forms, together with earlier ones that are not many more."""
        if not owners:
            return
        while self._needles and len(self._needles[-1].owners) <= 2 * len(owners):
            for form, names in self._needles.pop().owners.items():
                owners.setdefault(form, set()).update(names)
        self._needles.append(_Needles(owners))


class _Needles:
    """Forms, compiled to be found together."""

    __slots__ = ("_beginnings", "_by_head", "_heads", "_sorted", "longest", "owners")

    def __init__(self, owners: dict[bytes, set[str]]) -> None:
        from ahocorasick_rs import BytesAhoCorasick  # most missions have no secrets

        self.owners = owners
        self._sorted = sorted(owners)
        self.longest = max(map(len, self._sorted))
        by_head: dict[bytes, list[tuple[bytes, frozenset[str]]]] = {}
        for form in self._sorted:
            by_head.setdefault(form[:HEAD_BYTES], []).append((form, frozenset(owners[form])))
        self._by_head = list(by_head.values())
        self._heads = BytesAhoCorasick(list(by_head))
        self._beginnings = BytesAhoCorasick(sorted({one[:MIN_FORM_BYTES] for one in by_head}))

    def found(self, comparable: bytes) -> list[tuple[int, int, frozenset[str]]]:
        """Return (start, end, names) of all occurrences."""
        heads: list[tuple[int, int, int]] = self._heads.find_matches_as_indexes(
            comparable, overlapping=True
        )
        return [
            (start, start + len(form), names)
            for index, start, _ in heads
            for form, names in self._by_head[index]
            if comparable.startswith(form, start)
        ]

    def first_partial(self, comparable: bytes) -> int:
        """Return where the first beginning of one that the end of the data cuts off stands."""
        size = len(comparable)
        tail_start = max(0, size - self.longest + 1)
        beginnings: list[tuple[int, int, int]] = self._beginnings.find_matches_as_indexes(
            comparable[tail_start:], overlapping=True
        )
        starts = {tail_start + start for _, start, _ in beginnings}
        starts.update(range(max(tail_start, size - MIN_FORM_BYTES + 1), size))
        for start in sorted(starts):
            tail = comparable[start:]
            at = bisect.bisect_right(self._sorted, tail)
            if at < len(self._sorted) and self._sorted[at].startswith(tail):
                return start
        return size


class MaskedStream:
    """One stream of an attempt: feed it pieces, get back what may be stored.

    `redactions` counts, by the secret's name, the places at which it was masked. Occurrences that
    overlap are one place and one `***`.
    """

    __slots__ = ("_covered", "_held", "_masker", "_open_names", "redactions")

    def __init__(self, masker: Masker) -> None:
        self._masker = masker
        self._held = b""
        self._covered = 0
        """How many of the held bytes belong to a place whose `***` has been returned."""
        self._open_names: frozenset[str] = frozenset()
        """Whose place that is."""
        self.redactions: Counter[str] = Counter()

    def feed(self, data: bytes) -> bytes:
        """Take the next bytes; return those that are certain, masked."""
        if not self._masker:
            return data
        return self._advance(self._held + data, is_last=False)

    def peek(self) -> bytes:
        """Return what `flush` would return, and go on holding it back."""
        copy = MaskedStream(self._masker)
        copy._held, copy._covered = self._held, self._covered
        copy._open_names = self._open_names
        return copy.flush()

    def flush(self) -> bytes:
        """Return what is held back: the stream has ended."""
        return self._advance(self._held, is_last=True) if self._held else b""

    def _advance(self, data: bytes, *, is_last: bool) -> bytes:
        alike = comparable(data)
        certain = len(data) if is_last else self._masker.first_partial(alike)
        out: list[bytes] = []
        end, names = self._covered, self._open_names
        for start, stop, owners in self._masker.found(alike):
            if start >= certain:
                break
            if start < end:
                self.redactions.update(owners - names)
                names |= owners
                end = max(end, stop)
            else:
                out += (data[end:start], MASK)
                self.redactions.update(owners)
                names, end = owners, stop
        if end < certain:
            out.append(data[end:certain])
            names = frozenset()
        self._held = data[certain:]
        self._covered = max(0, end - certain)
        self._open_names = names if self._covered else frozenset()
        return b"".join(out)


def comparable(data: bytes) -> bytes:
    """Return `data` with all white space alike, byte for byte, as it is compared."""
    return data.translate(_ONE_SPACE)
