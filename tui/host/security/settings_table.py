"""Reads one table of a settings file that decides what may run: only the owner may have written it.

Other settings of the same file have other readers (`tui.host.settings`).
"""

import hashlib
from pathlib import Path
from typing import Any

from msgspec import Struct

from core.errors import UsageError
from core.machine.trusted_file import read_file, trusted_owners

MAX_SETTINGS_BYTES = 1024 * 1024


class SettingsTable(Struct, frozen=True):
    """The value of a table, which need not be one, and the SHA-256 of the file it is from."""

    value: Any
    sha256: str


def read_table(path: Path, name: str, *, is_system: bool) -> SettingsTable | None:
    """Return the table `[name]` of a settings file, None where the file has none.

    Raises `UntrustedFileError` for a file with that table that others could have written, and for
    one that cannot be read; `UsageError` for one that is not TOML.
    """
    file = read_file(path, owners=trusted_owners(system=is_system), limit_bytes=MAX_SETTINGS_BYTES)
    if file is None or name.encode() not in file.data:
        return None
    import tomllib  # rarely needed

    try:
        table = tomllib.loads(file.data.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{path} is not TOML: {error}") from error
    if name not in table:
        return None
    return SettingsTable(table[name], hashlib.sha256(file.require()).hexdigest())
