"""Where a command's words go: data to stdout, everything else to stderr."""

import io
import os
import shutil
import sys
from collections.abc import Mapping
from typing import TextIO

from tui.output.document import dump
from tui.output.glyph import Palette


class Console:
    """The two streams of one command. `colour` is `auto`, `always` or `never`."""

    def __init__(
        self,
        *,
        colour: str = "auto",
        environ: Mapping[str, str] | None = None,
        stdout: TextIO | None = None,
        stderr: TextIO | None = None,
    ) -> None:
        self._environ = os.environ if environ is None else environ
        self._stdout = _stream(sys.stdout if stdout is None else stdout)
        self._stderr = _stream(sys.stderr if stderr is None else stderr)
        self.is_terminal = _is_terminal(self._stdout)
        self.palette = self._palette(self._stdout, colour)
        self.error_palette = self._palette(self._stderr, colour)

    @property
    def width(self) -> int | None:
        """Columns of the terminal; None off a terminal, where nothing is cut."""
        return shutil.get_terminal_size((80, 24)).columns if self.is_terminal else None

    def out(self, text: str = "") -> None:
        """Write a line of data; what the encoding cannot carry is written as an escape."""
        _write(self._stdout, text + "\n")

    def out_lines(self, lines: list[str]) -> None:
        """Write lines of data."""
        if lines:
            _write(self._stdout, "\n".join(lines) + "\n")

    def out_json(self, value: object) -> None:
        """Write one JSON document, indented on a terminal, on one line elsewhere."""
        _write(self._stdout, dump(value, indent=2 if self.is_terminal else None) + "\n")

    def out_ndjson(self, value: object) -> None:
        """Write one line of NDJSON and let a waiting reader have it."""
        _write(self._stdout, dump(value) + "\n")

    def out_raw(self, text: str) -> None:
        """Write text as it is, without a line feed behind it."""
        _write(self._stdout, text)

    def flush(self) -> None:
        """Hand everything written so far to whoever reads."""
        self._stdout.flush()

    def say(self, text: str = "") -> None:
        """Write a line for people to stderr; a stderr that is gone is no reason to fail."""
        try:
            _write(self._stderr, text + "\n")
            self._stderr.flush()
        except (BrokenPipeError, ValueError):
            return

    def _palette(self, stream: TextIO, colour: str) -> Palette:
        return Palette(
            colour=colour == "always"
            or (
                colour == "auto"
                and _is_terminal(stream)
                and not self._environ.get("NO_COLOR")
                and self._environ.get("TERM") != "dumb"
            ),
            unicode=(getattr(stream, "encoding", None) or "utf-8").lower().startswith("utf"),
        )


def _stream(stream: TextIO | None) -> TextIO:
    """Return a stream, or a hole: a process may be started with its streams closed."""
    return io.StringIO() if stream is None else stream


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except ValueError:  # closed
        return False


def _write(stream: TextIO, text: str) -> None:
    try:
        stream.write(text)
    except UnicodeEncodeError:
        encoding = stream.encoding or "utf-8"
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
