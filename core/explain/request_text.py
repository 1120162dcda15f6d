"""The outcome of a request as text, for command line and screen alike."""

from collections.abc import Mapping
from types import MappingProxyType

from core.ports.control import RequestKind

DONE: Mapping[RequestKind, str] = MappingProxyType(
    {
        RequestKind.CANCEL: "is being cancelled",
        RequestKind.CANCEL_STEP: "is being cancelled",
        RequestKind.PAUSE: "paused; running attempts continue",
        RequestKind.RESUME: "resumed",
        RequestKind.SET_BREAKPOINT: "has a breakpoint now",
        RequestKind.CLEAR_BREAKPOINT: "has no breakpoint any more",
        RequestKind.HOLD: "keeps its place in its group, and others go before it",
        RequestKind.RELEASE: "goes on in its group when its turn comes",
        RequestKind.RETRY: "will be tried again",
        RequestKind.APPROVE: "approved",
        RequestKind.REJECT: "rejected",
    }
)
"""What is true of the execution, or the step, once the request was done."""


def request_word(kind: RequestKind) -> str:
    """Return the word for a request: `cancel`, `retry`."""
    return kind.value.removesuffix("_step").replace("_", " ")
