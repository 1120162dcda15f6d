"""The sub-chain of one execution by itself: quick to check at the end of a run, no keys needed.

It proves that the stored events of the execution are complete, in order and unedited among
themselves; signatures and the rest of the log are `verify`'s.
"""

import json
from collections.abc import Iterable

from core.audit.format.merkle import leaf_hash


def is_intact(events: Iterable[tuple[object, object]], execution_id: str) -> bool:
    """Tell whether `(body, hash)` rows, in order, are the whole sealed sub-chain of an execution.

    Each hash must be that of its body, each body must number itself and name the one before, and
    the last must be the `execution.finalized` that counts the others.
    """
    previous, count, finalized = None, 0, None
    for body, digest in events:
        if finalized is not None or not isinstance(body, bytes) or leaf_hash(body) != digest:
            return False
        try:
            fields = json.loads(body)
            count += 1
            linked = (
                fields["execution_id"] == execution_id
                and fields["exec_seq"] == count
                and (previous is None or fields["exec_previous_hash"] == previous)
            )
            if fields["type"] == "execution.finalized":
                finalized = fields["details"]["events"]
        except (ValueError, KeyError, TypeError):
            return False
        if not linked:
            return False
        previous = digest.hex() if isinstance(digest, bytes) else None
    return finalized is not None and finalized in {count, count - 1}
