"""Copies texts and logs to the terminal's clipboard and writes them to files."""

from itertools import count as count_up
from pathlib import Path

from core.domain.state_word import counted
from core.errors import MissionDeckError
from core.ports.reader import LogQuery
from tui.live.deck import Deck
from tui.live.log.log_pages import whole_text, write_log
from tui.words.numbers import dropped_note
from tui.words.safe_text import clean_line

CLIPBOARD_BYTES = 70_000
"""What terminals accept in one OSC 52 sequence; of a longer text the end is copied."""


def for_clipboard(text: str, what: str) -> tuple[str, str]:
    """Return the end of a text that the clipboard holds, and the message that reports it."""
    data = text.encode("utf-8", "replace")
    if len(data) <= CLIPBOARD_BYTES:
        return text, f"copied {what}"
    end = data[-CLIPBOARD_BYTES:].decode("utf-8", "ignore")
    whole = counted(len(data), "byte")
    return end, f"copied the end of {what} ({whole} in all): S writes it all to a file"


async def copy_log(deck: Deck, query: LogQuery, *, as_json: bool) -> None:
    """Copy a whole log, up to the limit of the clipboard."""
    try:
        text = await deck.lookup.read(lambda reader: whole_text(reader, query, as_json=as_json))
        dropped = await deck.lookup.read(lambda reader: reader.dropped_bytes(query))
    except MissionDeckError as error:
        deck.show_problem(clean_line(str(error)))
        return
    deck.copy(text, "the log" + dropped_note(dropped))


async def save_log(deck: Deck, query: LogQuery) -> None:
    """Write a whole log to a file in the export folder."""
    stem = f"{query.task_id}-{query.attempt or 0}" if query.task_id else "all-steps"
    stem = "marked-steps" if query.task_ids else stem
    path = free_path(deck.app_context.export_folder, stem, "log")
    try:
        lines = await deck.lookup.read(lambda reader: write_log(reader, query, path))
        dropped = await deck.lookup.read(lambda reader: reader.dropped_bytes(query))
    except (MissionDeckError, OSError) as error:
        deck.show_problem(clean_line(f"not written: {error}"))
        return
    deck.show_notice(
        clean_line(f"{counted(lines, 'line')}{dropped_note(dropped)} written to {path}")
    )


def save_text(deck: Deck, text: str, stem: str, suffix: str) -> None:
    """Write a text to a file in the export folder."""
    path = free_path(deck.app_context.export_folder, stem, suffix)
    try:
        path.write_text(text, encoding="utf-8", errors="replace")
    except OSError as error:
        deck.show_problem(clean_line(f"not written: {error}"))
        return
    deck.show_notice(clean_line(f"written to {path}"))


def free_path(folder: Path, stem: str, suffix: str) -> Path:
    """Return a path with a safe file name that does not exist yet."""
    safe = "".join(c if c.isalnum() or c in "._-" else "_" for c in stem)[:80].lstrip(".") or "log"
    names = (f"{safe}.{suffix}" if n == 1 else f"{safe}-{n}.{suffix}" for n in count_up(1))
    return next(folder / name for name in names if not (folder / name).exists())
