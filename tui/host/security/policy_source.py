"""Finds the policies of this machine, this user and a project, and what the settings say of them.

No variable, flag or mission has a say: whoever writes one of those is who policies are for.
"""

import os
from pathlib import Path

from core.errors import PolicyFileError, UntrustedFileError, UsageError
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
from tui.host.security.settings_table import read_table


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
    own_file = Path(os.path.realpath(paths.config))  # it may be a link to a folder of settings
    home = _table(own_file, is_system=False) if contents else NO_TABLE
    return Policies(contents, PolicySettings(system, home))


def _table(path: Path, *, is_system: bool) -> PolicyTable:
    """Return the table of policies of a settings file; who may write the file counts only then."""
    try:
        found = read_table(path, TABLE, is_system=is_system)
        if found is None:
            return NO_TABLE
        return policy_table(found.value, str(path), is_system=is_system, sha256=found.sha256)
    except (UntrustedFileError, UsageError) as error:
        raise PolicyFileError(
            f"settings of policies: {error.message}", hint=error.hint or "nothing is started"
        ) from error
