"""The console script. It answers `--version` before anything is imported that costs time."""

import gc
import os
import sys

from tui.cli.exit_code import EXIT_BROKEN_PIPE, EXIT_INTERRUPTED, EXIT_UNAVAILABLE

OBJECTS_A_COLLECTION = 100_000
"""New objects after which the garbage collector runs, instead of 700: loading a command makes about
as many that all stay, and looking through them again and again takes a tenth of its time."""
AGAIN_SECONDS = 0.01
"""After which the callback that swallowed a Ctrl-C is over."""


def entry() -> None:
    """Run the command line of this process and exit with its code."""
    gc.set_threshold(OBJECTS_A_COLLECTION)
    sys.unraisablehook = interrupt_again
    try:
        import signal

        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, _leave)  # a traceback out of an import helps nobody
    except KeyboardInterrupt:
        os._exit(EXIT_INTERRUPTED)
    _open_closed_streams()
    arguments = sys.argv[1:]
    if arguments == ["--version"]:
        sys.exit(_print_version())
    from tui.cli.frame import run

    code = run(arguments)
    for number in (signal.SIGINT, signal.SIGTERM):  # it is over: nothing is left to interrupt
        try:
            signal.signal(number, signal.SIG_IGN)
        except KeyboardInterrupt:
            signal.signal(number, signal.SIG_IGN)
    gc.freeze()  # the interpreter collects at its end: nothing is gained by that any more
    sys.exit(code)


def interrupt_again(unraisable: "sys.UnraisableHookArgs") -> None:
    """Deliver a Ctrl-C again that the interpreter has thrown away; report all else as usual.

    `KeyboardInterrupt` is thrown away when it is raised in a finalizer or a callback of a weak
    reference, and an import of a module runs one.
    """
    if not issubclass(unraisable.exc_type, KeyboardInterrupt):
        sys.__unraisablehook__(unraisable)
        return
    import signal
    import threading

    main = threading.main_thread().ident
    timer = threading.Timer(AGAIN_SECONDS, signal.pthread_kill, (main, signal.SIGINT))
    timer.daemon = True
    timer.start()


def _print_version() -> int:
    from tui.host.version import VERSION

    try:
        os.write(1, f"mission {VERSION}\n".encode())
    except BrokenPipeError:
        return EXIT_BROKEN_PIPE
    except OSError:
        return EXIT_UNAVAILABLE
    return 0


def _open_closed_streams() -> None:
    """Keep the numbers of closed standard streams from going to files, pipes or the database."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_RDONLY if number == 0 else os.O_WRONLY)
            os.set_inheritable(opened, True)


def _leave(_number: int, _frame: object) -> None:
    os._exit(EXIT_INTERRUPTED)
