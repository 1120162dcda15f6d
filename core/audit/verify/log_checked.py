"""What is known of a log after a verification: its report, and how far it was verified when."""

from msgspec import Struct

from core.audit.verify.verdict import Report
from core.audit.verify.verified_state import VerifiedState


class LogChecked(Struct, frozen=True, kw_only=True):
    """What is known of a log after a verification, or without one.

    `report` is that of this verification, None if none was made; `events` are in the log now.
    `before` is what had been verified before, `known` what is now.
    """

    events: int
    report: Report | None = None
    before: VerifiedState | None = None
    known: VerifiedState | None = None

    @property
    def is_older(self) -> bool:
        """Whether the log ends before the event to which it had been verified."""
        return self.before is not None and self.before.chain.head.size > self.events
