"""Step output among the progress lines: live, as one block per step, or only of failed steps.

Output is read back from the database and made harmless for a terminal. Methods return sources of
text, which is generated when it is written, on the writing thread of an `OutputQueue`.
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
"""The number of lines shown of a failed step."""
MAX_LINE_CHARACTERS = 2000
"""The most characters shown of each of these lines."""


class OutputMode(StrEnum):
    """Which step output a run prints."""

    LIVE = "live"
    GROUP = "group"
    ERRORS = "errors"
    NONE = "none"


class StepOutput:
    """Decides which step output to print, and when. Used by one thread at a time."""

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
        """Whether output is printed as it arrives; then `news` must be called periodically."""
        return self._mode is OutputMode.LIVE

    def started(self, execution_id: str, task_id: str, name: str) -> None:
        """Register an attempt; `name` is the printed name: the step and the steps above it."""
        if self.is_live:
            self._names[execution_id, task_id] = name
            self._cursors.setdefault(execution_id, 0)

    def ended(self, execution_id: str, task_id: str, attempt: int, lines: int) -> Source | None:
        """Register the end of an attempt that wrote `lines` lines; return output to print now."""
        if not lines or self._mode is OutputMode.NONE:
            return None
        if self.is_live:
            return self.news
        self._ended[execution_id, task_id] = attempt, lines
        return None

    def settled(
        self, execution_id: str, task_id: str, state: TaskState, name: str
    ) -> Source | None:
        """Return the output to print after the line with the new state of the step."""
        found = self._ended.pop((execution_id, task_id), None)
        if found is None or (self._mode is OutputMode.ERRORS and state is not TaskState.FAILED):
            return None
        attempt, lines = found
        shown = LAST_LINES if self._mode is OutputMode.ERRORS else None
        query = LogQuery(execution_id=execution_id, task_id=task_id, attempt=attempt, tail=shown)
        title = f"{name}, attempt {attempt}, {_amount(lines, shown)}"
        return lambda: self._block(query, title, is_cut=shown is not None and lines > shown)

    def news(self) -> Iterator[str]:
        """Yield new output since the last call, prefixed with the names of the steps."""
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
        """Register the end of an execution; return output to print now."""
        if execution_id not in self._cursors:
            return None

        def rest() -> Iterator[str]:
            yield from self.news()
            self._cursors.pop(execution_id, None)

        return rest

    def close(self) -> Iterator[str]:
        """Close the database, on the thread that read from it."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None
        yield from ()

    # --- helpers ------------------------------------------------------------------------------

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
            if query.tail is not None and len(entry.message) > MAX_LINE_CHARACTERS:
                entry = replace(entry, message=f"{entry.message[:MAX_LINE_CHARACTERS]}…")
            kept.append(f"  {bar} {self._text(entry)}\n")
            if query.tail is None or entry.stream is not LogStream.SYSTEM:
                yield from kept  # messages of the engine at the end only repeat the failure line
                kept.clear()
        if kept and kept[0] is not head:
            yield from kept
        if is_cut:
            end = sign("└", "+")
            step = quote(f"{query.task_id}/{query.attempt}")
            named = full_argument(reader.find_execution(query.execution_id))
            whole = safe_line(f"full output: mission logs {named} {step}")
            yield f"  {paint(f'{end} {whole}', 'dim')}\n"

    def _text(self, entry: LogEntry) -> str:
        return log_line(entry, self._palette, with_step=False, with_time=False)

    def _entries(self, reader: Reader, query: LogQuery) -> Iterator[tuple[int, LogEntry]]:
        try:
            yield from reader.logs(query)
        except MissionDeckError:  # output is best effort; the run reports errors itself
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
