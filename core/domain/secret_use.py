"""Which secrets each attempt of a step was given, and how often each was masked."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from msgspec import Struct
from msgspec.structs import replace

from core.domain.mission import EMPTY
from core.domain.records import AuditEvent


class SecretUse(Struct, frozen=True, kw_only=True):
    """The secrets of one attempt, by name; of `unmasked` ones the values are too short to mask."""

    read: tuple[str, ...] = ()
    unmasked: tuple[str, ...] = ()
    redactions: Mapping[str, int] = EMPTY

    def to_json(self) -> dict[str, object]:
        """Return it as JSON data."""
        return {
            "read": list(self.read),
            "unmasked": list(self.unmasked),
            "redactions": dict(self.redactions),
        }


NO_SECRETS: Mapping[int, SecretUse] = MappingProxyType({})
"""What a step without secrets has."""


def secret_uses(events: Iterable[AuditEvent]) -> dict[int, SecretUse]:
    """Return what the events of one step say, by the number of the attempt."""
    found: dict[int, SecretUse] = {}
    for event in events:
        details = event.details
        number = details.get("attempt")
        if not isinstance(number, int):
            continue
        use = found.get(number, SecretUse())
        if event.event_type == "secret.read":
            read, unmasked = _names(details.get("names")), _names(details.get("unmasked"))
            found[number] = replace(use, read=read, unmasked=unmasked)
        elif event.event_type == "attempt.ended" and details.get("redactions"):
            found[number] = replace(use, redactions=details["redactions"])
    return found


def _names(value: object) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list | tuple) else ()
