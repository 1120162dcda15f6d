"""Reads the environment files of a mission and its steps: their variables, and what is recorded.

Of a file its path, SHA-256 and the names of its variables are recorded, never a value; the values
of names that mark a secret are to be masked.
"""

import hashlib
import os
import stat
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from core.value.dotenv import DotenvError, read_dotenv
from core.value.secret_name import is_secret_name

MAX_ENV_FILE_BYTES = 1024 * 1024
_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC


class EnvFileError(ValueError):
    """Raised when an environment file cannot be used; the message names it."""


class EnvFile(Struct, frozen=True):
    """A file that was read."""

    path: str
    sha256: str
    values: Mapping[str, str]

    @property
    def facts(self) -> dict[str, Any]:
        """What the audit records of it."""
        return {"path": self.path, "sha256": self.sha256, "names": sorted(self.values)}


def read_env_files(
    folder: Path, names: Sequence[str], protected: Iterable[Path] = ()
) -> list[EnvFile]:
    """Read files below the folder of a mission file, in order; raise `EnvFileError`.

    A file that leads out of the folder by a link, or into a `protected` one, is refused.
    """
    root = folder.resolve()
    closed = [path.resolve() for path in protected]
    return [_read(root, name, closed) for name in names]


def values_of(files: Iterable[EnvFile]) -> dict[str, str]:
    """Return the variables of all files; those of later files replace those of earlier ones."""
    found: dict[str, str] = {}
    for file in files:
        found |= file.values
    return found


def secrets_of(files: Iterable[EnvFile]) -> dict[str, bytes]:
    """Return the values that are to be masked, by name."""
    return {
        name: value.encode("utf-8", "surrogatepass")
        for file in files
        for name, value in file.values.items()
        if is_secret_name(name)
    }


def _read(root: Path, name: str, closed: Sequence[Path]) -> EnvFile:
    try:
        path = (root / name).resolve()
        if not path.is_relative_to(root):
            raise EnvFileError(f"the environment file `{name}` leads out of the folder {root}")
        if any(path.is_relative_to(one) for one in closed):
            raise EnvFileError(f"the environment file `{name}` belongs to Mission Deck itself")
        descriptor = os.open(path, _READ)
    except FileNotFoundError as error:
        raise EnvFileError(f"there is no environment file `{name}` in {root}") from error
    except (OSError, RuntimeError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise EnvFileError(f"the environment file `{name}` cannot be read: {reason}") from error
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise EnvFileError(f"the environment file `{name}` is not a file")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            content = file.read(MAX_ENV_FILE_BYTES + 1)
    finally:
        os.close(descriptor)
    if len(content) > MAX_ENV_FILE_BYTES:
        raise EnvFileError(
            f"the environment file `{name}` is larger than {MAX_ENV_FILE_BYTES // 2**20} MiB"
        )
    try:
        values = read_dotenv(content.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise EnvFileError(f"the environment file `{name}` is not UTF-8") from error
    except DotenvError as error:
        raise EnvFileError(
            f"the environment file `{name}`, line {error.line}: {error.message}"
        ) from error
    return EnvFile(name, hashlib.sha256(content).hexdigest(), values)
