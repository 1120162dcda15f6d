"""Ctrl-C reaches a command wherever the interpreter is at that moment."""

import subprocess
import sys

IN_A_FINALIZER = """
import signal, sys, time
from tui.cli.main import interrupt_again

class Dropped:
    def __del__(self):
        signal.raise_signal(signal.SIGINT)

signal.signal(signal.SIGINT, signal.default_int_handler)
sys.unraisablehook = interrupt_again
Dropped()
try:
    time.sleep(20)
except KeyboardInterrupt:
    sys.exit(130)
"""


def test_ctrl_c_during_a_finalizer_is_delivered_after_it() -> None:
    done = subprocess.run(
        [sys.executable, "-c", IN_A_FINALIZER], capture_output=True, text=True, timeout=15
    )
    assert (done.returncode, done.stderr) == (130, "")


OTHER = """
import sys
from tui.cli.main import interrupt_again

class Dropped:
    def __del__(self):
        raise ValueError("told")

sys.unraisablehook = interrupt_again
Dropped()
"""


def test_other_exceptions_in_a_finalizer_are_reported() -> None:
    done = subprocess.run([sys.executable, "-c", OTHER], capture_output=True, text=True, timeout=15)
    assert done.returncode == 0
    assert "ValueError: told" in done.stderr
