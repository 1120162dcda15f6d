"""Which file gets which stream of a process, by the parameters `stdout_to` and `stderr_to`."""

from collections.abc import Mapping
from typing import Any

from core.domain.records import LogStream
from core.step_type.parameter_text import scalar_text

FILE_PARAMETERS: Mapping[str, LogStream] = {
    "stdout_to": LogStream.STDOUT,
    "stderr_to": LogStream.STDERR,
}
"""The parameters that name a file, and the stream that it gets."""


def output_paths(parameters: Mapping[str, Any]) -> dict[LogStream, str]:
    """Return the file of each stream that has one, from raw parameters."""
    return {
        stream: str(scalar_text(parameters[name]))
        for name, stream in FILE_PARAMETERS.items()
        if parameters.get(name) is not None
    }


def redirect_text(parameters: Mapping[str, Any]) -> str:
    """Return the files as a suffix for `describe`, as a shell would write them."""
    signs = {LogStream.STDOUT: ">", LogStream.STDERR: "2>"}
    return "".join(
        f" {signs[stream]} {' '.join(path.split())}"
        for stream, path in output_paths(parameters).items()
    )
