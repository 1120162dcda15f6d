"""Ends a screen whose terminal has hung up, since nobody can see or close it any more.

SIGHUP ends it as a rule, but reaches only the terminal's own session. Textual would go on, reading
the end of its input without pause.
"""

import os
import select
import signal
import threading
import time

SETTLE_SECONDS = 1.0
"""Time left for a launch or a request that is being written."""


def end_with_terminal() -> None:
    """End this process, from a thread, once the terminal of stdin has hung up."""
    threading.Thread(target=_watch, args=(0,), name="hangup", daemon=True).start()


def _watch(fd: int) -> None:
    poll = select.poll()
    poll.register(fd, 0)  # hang-ups and errors are told unasked
    poll.poll()
    time.sleep(SETTLE_SECONDS)
    os._exit(128 + signal.SIGHUP)  # the event loop may be stuck for good behind the dead terminal
