"""What an exit code says, in words."""

import signal

import pytest

from core.domain.process_policy import ProcessLimits
from core.steps.process.exit_text import exit_text

LIMITS = ProcessLimits(cpu_seconds=60, file_mb=100)


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (3, "exit code 3"),
        (126, "exit code 126: a shell found the command and could not execute it"),
        (127, "exit code 127: a shell could not find the command"),
        (128, "exit code 128"),
        (137, "exit code 137, as a shell reports a command killed by SIGKILL"),
        (255, "exit code 255"),
        (-signal.SIGSEGV, "killed by SIGSEGV"),
        (-signal.SIGXCPU, "killed by SIGXCPU: it used up its 60 s of processor time"),
        (-signal.SIGXFSZ, "killed by SIGXFSZ: it wrote a file larger than 100 MiB"),
        (128 + signal.SIGXFSZ, "it wrote a file larger than 100 MiB (limits.file_mb)"),
    ],
)
def test_an_exit_code_is_explained(code: int, text: str) -> None:
    assert text in exit_text(code, LIMITS)


def test_a_limit_that_the_step_did_not_set_is_not_quoted() -> None:
    assert exit_text(-signal.SIGXCPU, ProcessLimits()) == (
        "killed by SIGXCPU: it used up the processor time that it may have"
    )


@pytest.mark.parametrize(
    ("code", "met", "text"),
    [
        (-9, "memory_mb", "killed by the kernel: over its memory limit of 2,048 MiB"),
        (137, "memory_mb", "killed by the kernel: over its memory limit of 2,048 MiB"),
        (1, "memory_mb", "exit code 1; the kernel killed a process: over the memory limit of"),
        (1, "processes", "exit code 1; the kernel refused it more than 64 processes"),
    ],
)
def test_a_limit_of_all_processes_together_is_named(code: int, met: str, text: str) -> None:
    limits = ProcessLimits(memory_mb=2048, processes=64)

    assert exit_text(code, limits, frozenset({met})).startswith(text)
