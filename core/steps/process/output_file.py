"""Writes what a process prints to files of the working folder, as `stdout_to` and `stderr_to` say.

The files get what the log gets, whole and with secrets masked; the log's size limit is not theirs.
"""

import os
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from core.domain.records import LogStream
from core.step_type.failure import os_failure
from core.step_type.step_type import StepOutcome
from core.steps.file.confined_tree import Tree
from core.steps.file.file_step import path_violation
from core.steps.file.place import PathRefusedError


class OutputFiles:
    """The open files of one attempt, emptied when it begins. One file may serve both streams.

    A write that fails is kept in `error`, and nothing more is written.
    """

    def __init__(self, paths: Mapping[LogStream, str]) -> None:
        self._paths = paths
        self._stack = ExitStack()
        self._descriptors: dict[LogStream, int] = {}
        self.error: OSError | None = None

    def open(self, folder: Path, protected: tuple[Path, ...], permitted: tuple[Path, ...]) -> Self:
        """Open the files, their folders made.

        Raises `PathRefusedError` for a path that leaves `folder` and what is permitted, or is
        protected, and `OSError`.
        """
        by_path: dict[str, int] = {}
        try:
            with Tree(folder, protected, permitted) as tree:
                for stream, path in self._paths.items():
                    with tree.place(path, make_parents=True) as place:
                        if place.path not in by_path:
                            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
                            descriptor = place.open_file(flags)
                            self._stack.callback(os.close, descriptor)
                            os.ftruncate(descriptor, 0)
                            by_path[place.path] = descriptor
                        self._descriptors[stream] = by_path[place.path]
        except BaseException:
            self.close()
            raise
        return self

    def write(self, stream: LogStream, data: bytes) -> None:
        """Append bytes of a stream to its file, if it has one."""
        descriptor = self._descriptors.get(stream)
        if descriptor is None or self.error is not None:
            return
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(descriptor, view) :]
        except OSError as error:
            self.error = OSError(error.errno, error.strerror, self._paths[stream])

    def failure(self) -> StepOutcome | None:
        """Return the outcome of an attempt whose output could not be written, None if it was."""
        return None if self.error is None else os_failure(self.error)

    def close(self) -> None:
        """Close the files."""
        self._descriptors.clear()
        self._stack.close()


def open_output_files(
    paths: Mapping[LogStream, str],
    folder: Path,
    protected: tuple[Path, ...],
    permitted: tuple[Path, ...],
) -> OutputFiles | StepOutcome:
    """Open the file of each stream; return the outcome of the attempt if that is not possible."""
    try:
        return OutputFiles(paths).open(folder, protected, permitted)
    except PathRefusedError as error:
        return path_violation(error)
    except OSError as error:
        return os_failure(error)
