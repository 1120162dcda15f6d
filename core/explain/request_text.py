"""What came of a person's request in words, the same in the command line and on the screen."""

from collections.abc import Mapping
from types import MappingProxyType

from core.ports.control import RequestKind

DONE: Mapping[RequestKind, str] = MappingProxyType(
    {
        RequestKind.CANCEL: "is being cancelled",
        RequestKind.CANCEL_STEP: "is being cancelled",
        RequestKind.PAUSE: "paused; what runs goes on",
        RequestKind.RESUME: "goes on",
        RequestKind.RETRY: "will be tried again",
        RequestKind.APPROVE: "approved",
        RequestKind.REJECT: "rejected",
    }
)
"""What holds of the execution, or the step, once the request was done."""


def request_word(kind: RequestKind) -> str:
    """Return what was asked for: `cancel`, `retry`."""
    return kind.value.removesuffix("_step").replace("_", " ")
