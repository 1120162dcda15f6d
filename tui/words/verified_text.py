"""How far the log was verified, in words that never claim more than was done. Knows no screen."""

from core.domain.state_word import counted
from tui.words.numbers import ago, moment

NOT_VERIFIED = "not verified yet"


def verified_text(
    *, events: int, full_size: int, full_at: int, chain_size: int, chain_at: int, now: int
) -> str:
    """Return what was verified of a log of so many `events`, and when.

    `full_size` are the events with which all records were compared, `chain_size` those whose chain
    and signature were verified; 0 for never. Instants are nanoseconds since the epoch.
    """
    if not chain_size:
        return NOT_VERIFIED
    if full_size == chain_size == events:
        return f"verified to event {events:,}, the last one, with all records, {ago(full_at, now)}"
    text = (
        f"verified to event {full_size:,} of {events:,}, {ago(full_at, now)}"
        if full_size
        else "records not verified yet"
    )
    if chain_size > full_size:
        return f"{text}; the chain alone to event {chain_size:,}, {ago(chain_at, now)}"
    return text


def verified_note(*, full_size: int, full_at: int, chain_size: int) -> str:
    """Return the same in a few words that stay true, whatever is appended and however long."""
    if not full_size:
        return f"log: chain verified to event {chain_size:,}" if chain_size else "log not verified"
    return f"log verified to event {full_size:,}, {moment(full_at)}"


def older_text(*, events: int, verified: int) -> str:
    """Return what is wrong with a log that ends before the event to which it was verified."""
    return (
        f"it was verified to event {verified:,} before, and now has {counted(events, 'event')}:"
        " it was cut, or replaced by an older copy"
    )
