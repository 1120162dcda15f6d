"""The folder with the files in which the steps of one execution leave values, made when needed.

Each attempt has a file of its own, which exists once the step writes to it. The folder is in memory
where there is one that this user may use, for what a step writes may be a secret.
"""

from pathlib import Path

from core.machine.owned_folder import VALUES_PREFIX, make_owned_folder, usable_memory_folder


class ValuesFolder:
    """Names a new file for each attempt; `close` removes all of them. For one thread."""

    def __init__(self) -> None:
        self._folder: Path | None = None
        self._used = 0

    def new_path(self) -> str:
        """Return the path of a file that does not exist yet, in a folder of this user alone."""
        if self._folder is None:
            self._folder = make_owned_folder(VALUES_PREFIX, usable_memory_folder())
        self._used += 1
        return f"{self._folder}/{self._used}"

    def close(self) -> None:
        """Remove the folder and what steps have left in it."""
        folder, self._folder = self._folder, None
        if folder is None:
            return
        try:
            folder.rmdir()
        except OSError:  # something is left in it
            import shutil

            shutil.rmtree(folder, ignore_errors=True)
