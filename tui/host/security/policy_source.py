"""Finds the policies of this machine, this user and a project, and what the settings say of them.

No variable, flag or mission has a say: whoever writes one of those is who policies are for.
"""

import hashlib
from pathlib import Path
from typing import Any

from core.errors import PolicyFileError, UntrustedFileError, UsageError
from core.machine.trusted_file import TrustedFile, read_file, trusted_owners
from core.security.policy.policies import Policies
from core.security.policy.policy_file import (
    POLICY_FOLDER,
    Layer,
    PolicyFolder,
    project_folders,
    read_folders,
)
from core.security.policy.policy_mode import (
    NO_TABLE,
    TABLE,
    PolicySettings,
    PolicyTable,
    policy_table,
)
from tui.host.places import CONFIG, SYSTEM_FOLDER, Paths

MAX_SETTINGS_BYTES = 1024 * 1024


def policy_folders(paths: Paths, folder: Path, system_folder: Path) -> list[PolicyFolder]:
    """Return where policies for missions in `folder` may be, the strongest layer first."""
    return [
        PolicyFolder(Layer.SYSTEM, system_folder / POLICY_FOLDER),
        PolicyFolder(Layer.HOME, paths.config.parent / POLICY_FOLDER),
        *project_folders(folder),
    ]


def policies_for(paths: Paths, folder: Path, system_folder: Path = SYSTEM_FOLDER) -> Policies:
    """Return the policies for missions in `folder`, empty where there are none.

    Raises `PolicyFileError` for files that cannot be used: then nothing may start.
    """
    contents = read_folders(policy_folders(paths, folder, system_folder))
    system = _table(system_folder / CONFIG, is_system=True)
    home = _table(paths.config, is_system=False) if contents else NO_TABLE
    return Policies(contents, PolicySettings(system, home))


def _table(path: Path, *, is_system: bool) -> PolicyTable:
    """Return the table of policies of a settings file; who may write the file counts only then."""
    owners = trusted_owners(system=is_system)
    try:
        file = read_file(path, owners=owners, limit_bytes=MAX_SETTINGS_BYTES)
        if file is None or TABLE.encode() not in file.data:
            return NO_TABLE
        value = _parsed(file).get(TABLE)
        if value is None:
            return NO_TABLE
        digest = hashlib.sha256(file.require()).hexdigest()
        return policy_table(value, str(path), is_system=is_system, sha256=digest)
    except (UntrustedFileError, UsageError) as error:
        raise PolicyFileError(
            f"settings of policies: {error.message}", hint=error.hint or "nothing is started"
        ) from error


def _parsed(file: TrustedFile) -> dict[str, Any]:
    import tomllib  # rarely needed

    try:
        return tomllib.loads(file.data.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{file.path} is not TOML: {error}") from error
