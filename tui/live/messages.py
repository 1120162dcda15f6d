"""The messages between feed, screens and widgets."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from textual.message import Message

from core.domain.records import Execution, LogEntry, TaskRun
from core.ports.control import Lease
from tui.search.home_page import HomePage


@dataclass(frozen=True, slots=True)
class LogLines:
    """New lines of a followed log. `gap` means that lines were skipped to keep up.

    `reset` marks the first delivery for a query: the tail of the stored log. `unfinished` has the
    current content of lines that a running step has not terminated yet.
    """

    token: int
    lines: Sequence[tuple[int, LogEntry]]
    gap: bool = False
    reset: bool = False
    has_more: bool = False
    """Whether there may be lines before these that were not read."""
    unfinished: tuple[LogEntry, ...] = ()


@dataclass(slots=True)
class Delta:
    """Changes committed since the last delivery; later values replace earlier ones."""

    home: HomePage | None = None
    execution_id: str | None = None
    """Whose lease, cancels and task runs these are; None for home."""
    short_ids: Mapping[str, str] | None = None
    execution: Execution | None = None
    origin: Execution | None = None
    """The execution that it retries or reruns; delivered once, when it is opened."""
    tasks: dict[str, TaskRun] | None = None
    opened: bool = False
    lease: Lease | None = None
    lease_read: bool = False
    cancels: Mapping[str, int] | None = None
    """The steps and items whose cancel is under way, and since when."""
    logs: list[LogLines] | None = None
    last_seq: int = 0


class Committed(Message):
    """The feed has updates; the app fetches them, so a slow screen gets fewer, larger ones."""

    bubble = False


class FeedLost(Message):
    """Reading failed; the feed keeps trying. An empty text means that it works again."""

    bubble = False

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text


class ThreadBroken(Message):
    """A background thread failed because of a bug; the app exits and reports it."""

    bubble = False

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error


class StepSelected(Message):
    """The user selected a step in one of the views; not sent by views that follow the selection.

    `pointed` returns the step under the view's cursor now: when keys arrive faster than messages
    are handled, an older selection must not undo a newer one.
    """

    def __init__(self, task_id: str, pointed: Callable[[], str | None]) -> None:
        super().__init__()
        self._task_id = task_id
        self._pointed = pointed

    @property
    def task_id(self) -> str:
        """The step that is selected now."""
        return self._pointed() or self._task_id


class StepOpened(Message):
    """The user wants to inspect a step."""

    def __init__(self, task_id: str) -> None:
        super().__init__()
        self.task_id = task_id
