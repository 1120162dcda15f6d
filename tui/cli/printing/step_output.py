"""What steps wrote, among the lines of a run: live, as one block a step, or where one failed.

Everything is read back from the records, and made harmless for a terminal. What is returned here
are texts that are only made when they are written: on the writing thread of an `Outlet`.
"""

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from shlex import quote

from msgspec.structs import replace

from core.domain.records import LogEntry, LogStream
from core.domain.state_word import counted
from core.domain.states import TaskState
from core.errors import MissionDeckError
from core.ports.reader import LogQuery, Reader
from storage.read.reader import open_reader
from tui.cli.printing.output_queue import Source
from tui.output.ansi_colours import Palette
from tui.output.event_line import log_line
from tui.words.run_label import full_argument
from tui.words.safe_text import safe_line

LAST_LINES = 20
"""Lines that are shown of a step that failed."""
LONGEST = 2000
"""Characters that are shown of each of them."""


class OutputMode(StrEnum):
    """Which output of steps a run prints."""

    LIVE = "live"
    GROUP = "group"
    ERRORS = "errors"
    NONE = "none"


class StepOutput:
    """Tells what to print of the steps' output, and when. Used by one thread at a time."""

    def __init__(self, mode: OutputMode, database: Path, palette: Palette) -> None:
        self._mode = mode
        self._database = database
        self._palette = palette
        self._reader: Reader | None = None
        self._version = -1
        self._cursors: dict[str, int] = {}
        self._names: dict[tuple[str, str], str] = {}
        self._ended: dict[tuple[str, str], tuple[int, int]] = {}

    @property
    def is_live(self) -> bool:
        """Whether output is printed as it comes: `news` is to be called again and again."""
        return self._mode is OutputMode.LIVE

    def started(self, execution_id: str, task_id: str, name: str) -> None:
        """Note an attempt; `name` is the step's with those above it, as it is printed."""
        if self.is_live:
            self._names[execution_id, task_id] = name
            self._cursors.setdefault(execution_id, 0)

    def ended(self, execution_id: str, task_id: str, attempt: int, lines: int) -> Source | None:
        """Note that an attempt ended that wrote so many lines; return what to print at once."""
        if not lines or self._mode is OutputMode.NONE:
            return None
        if self.is_live:
            return self.news
        self._ended[execution_id, task_id] = attempt, lines
        return None

    def settled(
        self, execution_id: str, task_id: str, state: TaskState, name: str
    ) -> Source | None:
        """Return what to print behind the line that says where an ended attempt led."""
        found = self._ended.pop((execution_id, task_id), None)
        if found is None or (self._mode is OutputMode.ERRORS and state is not TaskState.FAILED):
            return None
        attempt, lines = found
        shown = LAST_LINES if self._mode is OutputMode.ERRORS else None
        query = LogQuery(execution_id=execution_id, task_id=task_id, attempt=attempt, tail=shown)
        title = f"{name}, attempt {attempt}, {_amount(lines, shown)}"
        return lambda: self._block(query, title, is_cut=shown is not None and lines > shown)

    def news(self) -> Iterator[str]:
        """Yield what steps wrote since the last call, their names in front."""
        reader = self._open()
        if reader is None or (version := reader.data_version()) == self._version:
            return
        self._version = version
        for execution_id, cursor in tuple(self._cursors.items()):
            query = LogQuery(execution_id=execution_id, after_chunk=cursor)
            for chunk, entry in self._entries(reader, query):
                self._cursors[execution_id] = max(self._cursors[execution_id], chunk)
                name = self._names.get((execution_id, entry.task_id), entry.task_id)
                front = self._palette.paint(safe_line(name), "cyan")
                yield f"{front} {self._bar} {self._text(entry)}\n"

    def finished(self, execution_id: str) -> Source | None:
        """Note that an execution has ended; return what to print at once."""
        if execution_id not in self._cursors:
            return None

        def rest() -> Iterator[str]:
            yield from self.news()
            self._cursors.pop(execution_id, None)

        return rest

    def close(self) -> Iterator[str]:
        """Release the database; on the thread that read from it."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None
        yield from ()

    # --- inside -------------------------------------------------------------------------------

    @property
    def _bar(self) -> str:
        return self._palette.sign("│", "|")

    def _block(self, query: LogQuery, title: str, *, is_cut: bool) -> Iterator[str]:
        reader = self._open()
        if reader is None:
            return
        paint, sign = self._palette.paint, self._palette.sign
        head = f"  {paint(sign('┌', '+'), 'dim')} {paint(safe_line(title), 'bold')}\n"
        bar = paint(self._bar, "dim")
        kept: list[str] = [head]
        for _, entry in self._entries(reader, query):
            if query.tail is not None and len(entry.message) > LONGEST:
                entry = replace(entry, message=f"{entry.message[:LONGEST]}…")
            kept.append(f"  {bar} {self._text(entry)}\n")
            if query.tail is None or entry.stream is not LogStream.SYSTEM:
                yield from kept  # of a failure, the engine's words say no more than its own line
                kept.clear()
        if kept and kept[0] is not head:
            yield from kept
        if is_cut:
            end = sign("└", "+")
            step = quote(f"{query.task_id}/{query.attempt}")
            named = full_argument(reader.find_execution(query.execution_id))
            whole = safe_line(f"all of it: mission logs {named} {step}")
            yield f"  {paint(f'{end} {whole}', 'dim')}\n"

    def _text(self, entry: LogEntry) -> str:
        return log_line(entry, self._palette, with_step=False, with_time=False)

    def _entries(self, reader: Reader, query: LogQuery) -> Iterator[tuple[int, LogEntry]]:
        try:
            yield from reader.logs(query)
        except MissionDeckError:  # output is best effort, and the run says what is wrong itself
            return

    def _open(self) -> Reader | None:
        if self._reader is None:
            try:
                self._reader = open_reader(self._database)
            except MissionDeckError:
                return None
        return self._reader


def _amount(lines: int, shown: int | None) -> str:
    if shown is None or lines <= shown:
        return counted(lines, "line")
    return f"last {shown} of {lines:,} lines"
