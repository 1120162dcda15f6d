"""A quick check of the sub-chain of one execution, at the end of its run and without keys.

It proves that the stored events of the execution are complete, ordered and consistent with each
other. Signatures and the rest of the log are checked by `core.audit.verify`.
"""

import json
from collections.abc import Iterable

from core.audit.format.merkle import leaf_hash


def is_intact(events: Iterable[tuple[object, object]], execution_id: str) -> bool:
    """Tell whether ordered `(body, hash)` rows are the complete sub-chain of an execution.

    Each hash must match its body, each body must have the next `exec_seq` and the hash of the body
    before it, and the last must be the `execution.finalized` with the number of events.
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
