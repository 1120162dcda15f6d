"""Steps sorted into buckets, kept sorted as changes arrive. Plain data."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence, Set
from itertools import compress

from tui.live.steps.bucket import Bucket

MAX_INCREMENTAL_STEPS = 256
"""Up to this many steps are moved one by one; for more, the whole bucket is sorted again."""


class Members:
    """Some steps in file order: their positions and, in parallel, their ids."""

    def __init__(self) -> None:
        self.places: list[int] = []
        self.task_ids: list[str] = []

    def append(self, place: int, task_id: str) -> None:
        """Add a step after all others."""
        self.places.append(place)
        self.task_ids.append(task_id)

    def add(self, places: Set[int], order: Sequence[str]) -> None:
        """Add steps that are not among them; `order` has the id of each position."""
        if len(places) > MAX_INCREMENTAL_STEPS:
            self.places = sorted([*self.places, *places])
            self.task_ids = [order[place] for place in self.places]
            return
        for place in places:
            at = bisect_left(self.places, place)
            self.places.insert(at, place)
            self.task_ids.insert(at, order[place])

    def remove(self, places: Set[int]) -> None:
        """Remove steps that are among them."""
        if len(places) > MAX_INCREMENTAL_STEPS:
            kept = [place not in places for place in self.places]
            self.places = list(compress(self.places, kept))
            self.task_ids = list(compress(self.task_ids, kept))
            return
        for place in places:
            at = bisect_left(self.places, place)
            del self.places[at], self.task_ids[at]


class Buckets:
    """Steps by bucket. A step is told by its position in the mission file."""

    def __init__(self) -> None:
        self._members = {bucket: Members() for bucket in Bucket}
        self._bucket: dict[int, Bucket] = {}

    def append(self, place: int, task_id: str, bucket: Bucket) -> None:
        """Add a step whose position is behind that of all others."""
        self._bucket[place] = bucket
        self._members[bucket].append(place, task_id)

    def move(self, found: Mapping[int, Bucket], order: Sequence[str]) -> bool:
        """Put steps, new ones too, into their buckets; tell whether any was not there yet."""
        gone: dict[Bucket, set[int]] = {}
        come: dict[Bucket, set[int]] = {}
        for place, after in found.items():
            before = self._bucket.get(place)
            if before is after:
                continue
            if before is not None:
                gone.setdefault(before, set()).add(place)
            come.setdefault(after, set()).add(place)
            self._bucket[place] = after
        for bucket, places in gone.items():
            self._members[bucket].remove(places)
        for bucket, places in come.items():
            self._members[bucket].add(places, order)
        return bool(come)

    def __len__(self) -> int:
        return len(self._bucket)

    def of(self, place: int) -> Bucket:
        """Return the bucket of a step."""
        return self._bucket[place]

    def size_of(self, bucket: Bucket) -> int:
        """Return how many steps are in a bucket."""
        return len(self._members[bucket].task_ids)

    def members(self, bucket: Bucket) -> Sequence[str]:
        """Return the steps of a bucket in file order; valid until the next `move`."""
        return self._members[bucket].task_ids
