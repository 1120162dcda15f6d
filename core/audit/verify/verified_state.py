"""How far a chain was verified, as a signed note: what an incremental verification starts from.

    missiondeck/LOG_ID#verified    name of the key as well: no checkpoint can be taken for it
    41310                          events whose chain was verified
    TJGy/l0uDm8k...                base64 of the Merkle root over them
    {"at":...}                     the state of the walk behind them, canonical JSON

Knows nothing of files. Whoever holds the private audit key can write such a note, nobody else can.
"""

import base64
import binascii
from collections.abc import Iterable, Mapping
from typing import Any, Final

from msgspec import Struct

from core.audit.chain.chain import decode_head, encode_head
from core.audit.chain.key_history import KeyState, LogKey
from core.audit.format import canonical, note
from core.audit.format.checkpoint import origin_of
from core.audit.format.key import Verifier
from core.audit.format.key_revocation import Revocation
from core.audit.verify.walk_state import ChainState, SubChainState
from core.errors import AuditError
from core.ports.clock import Signer

FORMAT: Final = 2
"""1 knew one key of the log, `vkey`; 2 has all of them, `keys`."""


class VerifiedState(Struct, frozen=True, kw_only=True):
    """What was verified, and when. Instants are nanoseconds since the epoch.

    The chain was verified to `chain.head` at `at`. Every record was last compared with the events
    at `full_at`, when there were `full_size` of them; 0 if that never happened.
    """

    log_id: str
    chain: ChainState
    at: int
    version: str
    full_size: int = 0
    full_at: int = 0


def state_note(state: VerifiedState, signer: Signer) -> bytes | None:
    """Return the signed note of a state; None if it is too large, with thousands of open runs."""
    text = _text(state)
    if len(text.encode()) > note.MAX_NOTE_BYTES - 1024:
        return None
    return note.sign_note(text, _name(state.log_id), signer)


def open_state(data: bytes, log_id: str, verifiers: Iterable[Verifier]) -> VerifiedState | None:
    """Return the state in a note, or None unless one of `verifiers` signed it for this log.

    The edge of the tree must be that of the root; a note of another format is not read.
    """
    named = [Verifier(_name(log_id), one.public_key) for one in verifiers]
    try:
        opened, _ = note.open_note(data, named)
        lines = opened.text.split("\n")
        found = _state(log_id, canonical.decode_text(lines[3]))
    except (AuditError, binascii.Error, ValueError, TypeError, KeyError, IndexError):
        return None
    return found if _text(found) == opened.text else None


def _name(log_id: str) -> str:
    return f"{origin_of(log_id)}#verified"


def _text(state: VerifiedState) -> str:
    chain = state.chain
    facts = {
        "at": str(state.at),
        "executions": chain.executions,
        "format": FORMAT,
        "full_at": str(state.full_at),
        "full_size": state.full_size,
        "head": base64.b64encode(encode_head(chain.head)).decode(),
        "keys": [[key.first_size, key.vkey] for key in chain.keys.keys],
        "open": {
            execution_id: [sub.events, sub.first_seq, sub.last_seq, sub.last_hash]
            for execution_id, sub in chain.subs.items()
        },
        "revocations": [
            [one.seq, one.vkey, one.reason, one.from_seq] for one in chain.keys.revocations
        ],
        "version": state.version,
    }
    root = base64.b64encode(chain.head.root).decode()
    return f"{_name(state.log_id)}\n{chain.head.size}\n{root}\n{canonical.dump(facts)}\n"


def _state(log_id: str, facts: Mapping[str, Any]) -> VerifiedState:
    if facts["format"] != FORMAT:
        raise ValueError("another format")
    subs = {
        execution_id: SubChainState(0, events, first_seq, last_seq, last_hash)
        for execution_id, (events, first_seq, last_seq, last_hash) in facts["open"].items()
    }
    keys = tuple(LogKey(vkey, first_size) for first_size, vkey in facts["keys"])
    revocations = tuple(
        Revocation(seq=seq, vkey=vkey, reason=reason, from_seq=from_seq)
        for seq, vkey, reason, from_seq in facts["revocations"]
    )
    return VerifiedState(
        log_id=log_id,
        chain=ChainState(
            head=decode_head(base64.b64decode(facts["head"], validate=True)),
            keys=KeyState(keys, revocations),
            executions=facts["executions"],
            subs=subs,
        ),
        at=int(facts["at"]),
        version=facts["version"],
        full_size=facts["full_size"],
        full_at=int(facts["full_at"]),
    )
