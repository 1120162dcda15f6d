"""What an exit code says, in words: conventions of shells, signals, and the limit that was hit."""

import signal

from core.domain.process_policy import ProcessLimits

_SHELL_SIGNAL_BASE = 128
"""A shell reports the death of a command by signal N as this plus N (POSIX, `sh`, 2.8.2)."""

_SHELL_CODES = {
    126: "a shell found the command and could not execute it",
    127: "a shell could not find the command",
}


def exit_text(code: int, limits: ProcessLimits, met: frozenset[str] = frozenset()) -> str:
    """Return the words for an exit code that is no success; -N is death by signal N.

    `met` are the limits of all its processes together that the kernel enforced.
    """
    if "memory_mb" in met:
        most = f"{limits.memory_mb:,} MiB (limits.memory_mb)"
        if code in (-signal.SIGKILL, _SHELL_SIGNAL_BASE + signal.SIGKILL):
            return f"killed by the kernel: over its memory limit of {most}"
        return f"exit code {code}; the kernel killed a process: over the memory limit of {most}"
    text = _code_text(code, limits)
    if "processes" in met:
        most = f"{limits.processes:,} processes (limits.processes)"
        return f"{text}; the kernel refused it more than {most}"
    return text


def _code_text(code: int, limits: ProcessLimits) -> str:
    number = -code if code < 0 else code - _SHELL_SIGNAL_BASE
    name = _signal_name(number)
    if code < 0:
        text = f"killed by {name or f'signal {number}'}"
    elif name is not None:
        text = f"exit code {code}, as a shell reports a command killed by {name}"
    else:
        convention = _SHELL_CODES.get(code)
        return f"exit code {code}: {convention}" if convention else f"exit code {code}"
    hit = _limit_of(number, limits)
    return f"{text}: {hit}" if hit else text


def _signal_name(number: int) -> str | None:
    try:
        return signal.Signals(number).name
    except ValueError:
        return None


def _limit_of(number: int, limits: ProcessLimits) -> str | None:
    if number == signal.SIGXCPU:
        if limits.cpu_seconds is None:
            return "it used up the processor time that it may have"
        return f"it used up its {limits.cpu_seconds:,} s of processor time (limits.cpu_seconds)"
    if number == signal.SIGXFSZ:
        if limits.file_mb is None:
            return "it wrote a file larger than it may"
        return f"it wrote a file larger than {limits.file_mb:,} MiB (limits.file_mb)"
    return None
