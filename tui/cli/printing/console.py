"""The output streams of a command: data goes to stdout, messages to stderr."""

import contextlib
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from typing import TextIO

from core.errors import UnavailableError
from core.value.terminal_text import width_of
from tui.cli.printing.output_queue import OutputQueue, Source, is_same_file
from tui.output.ansi_colours import Palette
from tui.output.json_document import dump
from tui.words.state_glyphs import is_utf8_terminal
from tui.words.transliterate import to_ascii


class Console:
    """The two streams of one command. `colour` is `auto`, `always` or `never`.

    Failing to write to stderr is never an error. Failing to write to stdout is one, unless
    `best_effort` was called: `BrokenPipeError` if the reader closed it, otherwise
    `UnavailableError`.
    """

    def __init__(
        self,
        *,
        colour: str = "auto",
        environ: Mapping[str, str] | None = None,
        stdout: TextIO | None = None,
        stderr: TextIO | None = None,
    ) -> None:
        self._environ = os.environ if environ is None else environ
        self._stdout = stdout or sys.stdout
        self._stderr = stderr or sys.stderr
        self._out: TextIO | OutputQueue | None = self._stdout
        self._err: TextIO | OutputQueue | None = self._stderr
        self._outlets: tuple[OutputQueue, ...] = ()
        self._said: set[str] = set()
        self.is_terminal = _is_terminal(self._stdout)
        self.is_error_terminal = _is_terminal(self._stderr)
        self.palette = self._palette(self._stdout, colour)
        self.error_palette = self._palette(self._stderr, colour)

    @property
    def width(self) -> int | None:
        """Columns of the terminal; None if stdout is not a terminal and lines are not cut."""
        return self.columns if self.is_terminal else None

    @property
    def columns(self) -> int:
        """Columns of the terminal that this process has; 80 if it has none."""
        return shutil.get_terminal_size((80, 24)).columns

    def best_effort(self) -> None:
        """From now on, never let output fail or block this process.

        For commands that change something: even without output, the exit code must be right.
        """
        if self._outlets:
            return
        for stream in (self._stdout, self._stderr):
            if stream is not None:
                with contextlib.suppress(OSError, ValueError):
                    stream.flush()
        out, err = _descriptor(self._stdout), _descriptor(self._stderr)
        opened = _outlet(out, self._stdout)
        if out is not None and err is not None and is_same_file(out, err):
            other = opened  # a shared queue preserves the order
        else:
            other = _outlet(err, self._stderr)
        self._out, self._err = opened, other
        self._outlets = tuple({id(one): one for one in (opened, other) if one is not None}.values())

    def finish(self) -> None:
        """Write everything; `UnavailableError` if data could not be written."""
        for outlet in self._outlets:
            if not outlet.close() and outlet is self._out:
                self.say("the rest of the output was dropped: stdout was not read for some seconds")
        self.flush()

    def abandon(self) -> None:
        """Drop output that is still queued for a reader that does not read."""
        for outlet in self._outlets:
            outlet.abandon()

    def out(self, text: str = "") -> None:
        """Write a line of text; characters the encoding lacks are written as escapes."""
        self._data(_drawn(text, self.palette) + "\n")

    def out_lines(self, lines: list[str]) -> None:
        """Write lines of text."""
        if lines:
            self._data(_drawn("\n".join(lines), self.palette) + "\n")

    def out_json(self, value: object) -> None:
        """Write one JSON document, indented on a terminal, otherwise on one line."""
        text = dump(value, indent=2 if self.is_terminal else None)
        self._data(text + "\n", keep=True)

    def out_ndjson(self, value: object) -> None:
        """Write one line of NDJSON."""
        self._data(dump(value) + "\n")

    def out_raw(self, text: str) -> None:
        """Write text unchanged, without a trailing line feed."""
        self._data(text)

    def later(self, source: Source, *, on_stderr: bool = False) -> None:
        """Write text that is generated only when it is written, on the writing thread."""
        stream = self._err if on_stderr else self._out
        if isinstance(stream, OutputQueue):
            stream.put(source)
            return
        for text in source():
            _write(stream, text)

    def when_idle(self, seconds: float, source: Source, *, on_stderr: bool = False) -> None:
        """Also write the text of `source` after each idle period; only after `best_effort`."""
        stream = self._err if on_stderr else self._out
        if isinstance(stream, OutputQueue):
            stream.when_idle(seconds, source)

    def flush(self) -> None:
        """Flush stdout."""
        with _named_failure():
            if self._out is not None:
                self._out.flush()

    def say(self, text: str = "", *, end: str = "\n") -> None:
        """Write a line to stderr; errors are ignored."""
        try:
            _write(self._err, _drawn(text, self.error_palette) + end, keep=True)
            if self._err is not None:
                self._err.flush()
        except (OSError, ValueError):
            silence(self._stderr)
            self._err = None

    def say_once(self, text: str) -> None:
        """Write a line to stderr, unless this method has written the same line before."""
        if text not in self._said:
            self._said.add(text)
            self.say(text)

    def _data(self, text: str, *, keep: bool = False) -> None:
        with _named_failure():
            _write(self._out, text, keep=keep)

    def _palette(self, stream: TextIO | None, colour: str) -> Palette:
        return Palette(
            colour=colour == "always"
            or (
                colour == "auto"
                and _is_terminal(stream)
                and not self._environ.get("NO_COLOR")
                and self._environ.get("TERM") != "dumb"
            ),
            unicode=is_utf8_terminal(self._environ, _encoding(stream)),
        )


def _drawn(text: str, palette: Palette) -> str:
    """Return a text in characters that the terminal can display."""
    return text if palette.unicode or text.isascii() else to_ascii(text, width_of)


@contextlib.contextmanager
def _named_failure() -> Iterator[None]:
    """Turn a failure to write into an `UnavailableError` that names stdout."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:  # such as a full disk, or a terminal that was closed
        raise UnavailableError(f"stdout: {error.strerror}") from error


def silence(stream: TextIO | None) -> None:
    """Redirect a stream to /dev/null, so that the interpreter's final flush succeeds."""
    descriptor = _descriptor(stream)
    if descriptor is None:  # nothing to flush to
        return
    nothing = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nothing, descriptor)
    finally:
        os.close(nothing)


def _descriptor(stream: TextIO | None) -> int | None:
    try:
        return None if stream is None else stream.fileno()
    except (OSError, ValueError):  # closed, or an in-memory stream
        return None


def _outlet(descriptor: int | None, stream: TextIO | None) -> OutputQueue | None:
    if descriptor is None:
        return None
    errors = getattr(stream, "errors", None) or "strict"
    return OutputQueue(descriptor, encoding=_encoding(stream), errors=errors)


def _encoding(stream: TextIO | None) -> str:
    return getattr(stream, "encoding", None) or "utf-8"


def _is_terminal(stream: TextIO | None) -> bool:
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # closed
        return False


def _write(stream: TextIO | OutputQueue | None, text: str, *, keep: bool = False) -> None:
    if stream is None:  # a process may be started with its streams closed
        return
    if isinstance(stream, OutputQueue):
        stream.put(text, keep=keep)
        return
    try:
        stream.write(text)
    except UnicodeEncodeError:
        encoding = stream.encoding or "utf-8"
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
