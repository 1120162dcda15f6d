"""Textual's terminal driver with robust input, and an exit that works even if the app hangs.

Both live in the thread that reads the keys, which goes on while the event loop is stuck.
"""

import os
import select
import signal
import sys
import termios
import threading
import time
import traceback

from textual._parser import ParseError
from textual._xterm_parser import XTermParser
from textual.app import App
from textual.drivers.linux_driver import LinuxDriver
from textual.events import Key
from textual.message import Message

from core.errors import BugError
from tui.live.deck import Deck, deck_of
from tui.terminal.terminal_input import TerminalInput, events_of

DOUBLE_PRESS_SECONDS = 3.0
"""The time in which a second ctrl+c quits."""
EXIT_GRACE_SECONDS = 2.0
"""How long the application may take to react to quitting before it is terminated."""
CLOSING_GRACE_SECONDS = 8.0
"""The same once it has begun to exit: it may wait for a query to finish."""
READ_BYTES = 4096
_LEAVE = (
    b"\x18"  # whatever sequence was being written is void
    b"\x1b[?2004l\x1b[?7h\x1b[?2048l"  # pasted text unmarked, lines wrap, sizes by signal
    b"\x1b[?1000l\x1b[?1003l\x1b[?1015l\x1b[?1006l\x1b[?1016l\x1b[?1004l"  # no mouse, no focus
    b"\x1b[<u\x1b[?1049l\x1b[?25h"  # keys as ever, the shell's screen, its cursor
)


class TerminalDriver(LinuxDriver):
    """Textual's driver with a tolerant decoder and a watch on ctrl+c."""

    def __init__(
        self,
        app: App[object],
        *,
        debug: bool = False,
        mouse: bool = True,
        size: tuple[int, int] | None = None,
    ) -> None:
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        self._released = threading.Event()
        self._interrupted_at = -DOUBLE_PRESS_SECONDS
        self._ending = False

    @property
    def _deck(self) -> Deck:
        return deck_of(self._app)

    def start_application_mode(self) -> None:
        """Set up the terminal; from here on SIGINT exits the application cleanly."""
        self._released.clear()
        self._loop.add_signal_handler(signal.SIGINT, self._deck.end_interrupted)
        super().start_application_mode()  # type: ignore[no-untyped-call] # Textual's own

    def stop_application_mode(self) -> None:
        """Restore the terminal."""
        super().stop_application_mode()
        self._released.set()

    # --- input -----------------------------------------------------------------------------------

    def _run_input_thread(self) -> None:
        """Read keys; a failure ends the application, which reports it."""
        try:
            self.run_input_thread()
        except Exception as error:  # noqa: BLE001 - a thread's failure must end the app, not vanish
            from tui.live.messages import (
                ThreadBroken,  # needs the records, which come after the start
            )

            self.send_message(ThreadBroken(error))

    def run_input_thread(self) -> None:
        """Read and dispatch input until the terminal is restored."""
        parser, decoder = XTermParser(self._debug), TerminalInput()
        poll = select.poll()
        poll.register(self.fileno, select.POLLIN)
        while not self.exit_event.is_set():
            if poll.poll(100):
                data = os.read(self.fileno, READ_BYTES)
                if not data:  # the terminal is gone: `tui.terminal.hangup` ends this process
                    self.exit_event.wait()
                    break
                for event in events_of(parser, decoder.take(data)):
                    self.process_message(event)
            for event in parser.tick():
                self.process_message(event)
        try:
            for event in events_of(parser, decoder.take(b"", final=True)):
                self.process_message(event)
            for _ in parser.feed(""):
                pass
        except (EOFError, ParseError):
            pass

    def process_message(self, message: Message) -> None:
        """Hand an event on to the application; watch for ctrl+c."""
        if isinstance(message, Key) and message.key == "ctrl+c":
            self._interrupted()
        super().process_message(message)

    # --- the end by force ------------------------------------------------------------------------

    def _interrupted(self) -> None:
        now = time.monotonic()
        if now - self._interrupted_at <= DOUBLE_PRESS_SECONDS and not self._ending:
            self._ending = True
            threading.Thread(target=self._end_by_force, name="end", daemon=True).start()
        self._interrupted_at = now

    def _end_by_force(self) -> None:
        """Terminate this process if the application does not exit in time."""
        if self._released.wait(EXIT_GRACE_SECONDS):
            return
        if self._deck.is_leaving and self._released.wait(CLOSING_GRACE_SECONDS):
            return
        error = BugError(f"the screen did not answer for {EXIT_GRACE_SECONDS:.0f} s")
        frame = sys._current_frames().get(threading.main_thread().ident or 0)
        error.add_note("where it was:\n" + "".join(traceback.format_stack(frame)))
        report = self._deck.report_bug(error)
        self._restore_terminal()
        words = f"error[{error.code}]: {error.message}; it was ended, and live runs go on\n"
        if report is not None:
            words += f"report: {report}\n"
        if sys.__stderr__ is not None:  # Textual has put its own in the place of `sys.stderr`
            sys.__stderr__.write(words)
            sys.__stderr__.flush()
        os._exit(error.exit_code)

    def _restore_terminal(self) -> None:
        """Restore the terminal without the event loop."""
        try:
            if self.attrs_before is not None:
                termios.tcsetattr(self.fileno, termios.TCSANOW, self.attrs_before)
            if select.select([], [self.fileno], [], 1.0)[1]:
                os.write(self.fileno, _LEAVE)
        except (OSError, ValueError, termios.error):
            pass  # the terminal is gone
