"""Where a walk over the chain stands: enough to go on with the next event. Knows no findings."""

from collections.abc import Mapping

from msgspec import Struct

from core.audit.chain.chain import Head
from core.audit.chain.key_history import KeyState


class SubChainState(Struct):
    """The end of an execution's sub-chain; it is certain only while its `generation` is current."""

    generation: int
    events: int = 0
    first_seq: int = 0
    last_seq: int = 0
    last_hash: str = "0" * 64


class ChainState(Struct, frozen=True, kw_only=True):
    """The end of a chain that was verified.

    `keys` is what its events say of its keys; `subs` are the sub-chains of the executions that are
    not finalised, by execution id; `executions` counts all.
    """

    head: Head
    keys: KeyState
    executions: int
    subs: Mapping[str, SubChainState]
