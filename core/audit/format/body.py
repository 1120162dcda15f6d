"""The body of an audit event: its fields, their encoding, and the values derived from them.

All keys are always present, in this (canonical) order. Hashes are hex. Events that belong to no
execution have null in the fields that start with `exec`:

    actor details event_id exec_previous_hash exec_seq execution_id log_id previous_hash
    seq target ts type v
"""

from json.encoder import encode_basestring as quote
from typing import Final

from core.value.timestamp import MAX_INSTANT, second_text

BODY_VERSION: Final = 1
MAX_TS: Final = MAX_INSTANT
"""9999-12-31T23:59:59.999999999Z: RFC 3339 knows no later instant."""
MAX_NAME_CHARACTERS: Final = 512
"""Characters of an actor, type or target."""

FIELDS: Final = (
    "actor",
    "details",
    "event_id",
    "exec_previous_hash",
    "exec_seq",
    "execution_id",
    "log_id",
    "previous_hash",
    "seq",
    "target",
    "ts",
    "type",
    "v",
)

LOG_CREATED: Final = "log.created"
EXECUTION_CREATED: Final = "execution.created"
EXECUTION_FINALIZED: Final = "execution.finalized"
CLOCK_STEPPED_BACK: Final = "clock.stepped_back"


def frame(
    actor: str,
    event_id: str,
    exec_previous_hash: str,
    exec_seq: int | None,
    execution_id: str | None,
    log_id: str,
    previous_hash: str,
    seq: int,
    target: str,
    ts: int,
    kind: str,
) -> tuple[str, str]:
    """Return the canonical text of a body before and after its details.

    `event_id` is 32 hex digits; hashes are hex; `ts` is within 0..MAX_TS. Formatted by hand for
    speed, because it is computed for every appended and every verified event.
    """
    if execution_id is None:
        chain = '"exec_previous_hash":null,"exec_seq":null,"execution_id":null'
    else:
        chain = (
            f'"exec_previous_hash":"{exec_previous_hash}","exec_seq":{exec_seq},'
            f'"execution_id":{quote(execution_id)}'
        )
    second, fraction = divmod(ts, 1_000_000_000)
    before = f'{{"actor":{quote(actor)},"details":'
    behind = (
        f',"event_id":"{event_id[:8]}-{event_id[8:12]}-{event_id[12:16]}-{event_id[16:20]}-'
        f'{event_id[20:]}",{chain},"log_id":"{log_id}","previous_hash":"{previous_hash}",'
        f'"seq":{seq},"target":{quote(target)},"ts":"{second_text(second)}.{fraction:09d}Z",'
        f'"type":{quote(kind)},"v":{BODY_VERSION}}}'
    )
    return before, behind


def columns_of(target: str) -> tuple[str | None, int | None]:
    """Return the (task_id, attempt) a target names: `step/<task>`, `attempt/<number>/<task>`."""
    kind, _, rest = target.partition("/")
    if kind == "step":
        return rest, None
    if kind == "attempt":
        number, _, task_id = rest.partition("/")
        if number.isascii() and number.isdigit() and len(number) < 16:
            return task_id, int(number)
    return None, None
