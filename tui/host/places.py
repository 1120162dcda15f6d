"""The paths of database, keys, configuration and logs.

`MISSION_HOME` puts all of them into one folder; otherwise the platform's XDG folders are used.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from core.errors import UnavailableError, UsageError

FOLDER_MISSIONS = ("mission.yaml", "mission.yml", "mission.json")
"""The names of a folder's own mission, which is called like the folder."""
DATABASE = "missions.db"
CONFIG = "config.toml"
APPLICATION = "missiondeck"
SYSTEM_FOLDER = Path("/etc/missiondeck")
"""What the administrator of the machine has set for all users."""


class Paths(Struct, frozen=True, kw_only=True):
    """The paths of one user's files, which need not exist."""

    home: Path
    db: Path
    keys: Path
    config: Path
    logs: Path

    @property
    def artifacts(self) -> Path:
        """The folder with the content of artifacts, beside the database's default place."""
        return self.home / "artifacts"

    @property
    def screen_memory(self) -> Path:
        """The file with what the screen remembers from one session to the next."""
        return self.logs.parent / "screen.json"

    @property
    def has_database(self) -> bool:
        """Whether the database exists; an empty file does not count.

        Raises `UnavailableError` for a database that was truncated.
        """
        from storage.file.file_identity import is_created

        return is_created(self.db)


def find_paths(environ: Mapping[str, str], *, database: str | None = None) -> Paths:
    """Return the paths; `database` overrides that of the database only.

    Raises `UnavailableError` for a user without a home folder, `UsageError` for an invalid path.
    """
    home = environ.get("MISSION_HOME")
    if home:
        folder = place_of(home, "MISSION_HOME")
        if folder.exists() and not folder.is_dir():
            raise UnavailableError(f"MISSION_HOME is not a folder: {folder}")
        paths = Paths(
            home=folder,
            db=folder / DATABASE,
            keys=folder / "keys",
            config=folder / CONFIG,
            logs=folder / "logs",
        )
    else:
        import platformdirs

        dirs = platformdirs.PlatformDirs(APPLICATION, appauthor=False)
        try:
            data, config, state = dirs.user_data_path, dirs.user_config_path, dirs.user_state_path
        except RuntimeError as error:
            raise _homeless() from error
        if not (data.is_absolute() and config.is_absolute() and state.is_absolute()):
            raise _homeless()
        paths = Paths(
            home=data,
            db=data / DATABASE,
            keys=data / "keys",
            config=config / CONFIG,
            logs=state / "logs",
        )
    if database is None:
        return paths
    return Paths(
        home=paths.home,
        db=place_of(database, "the database"),
        keys=paths.keys,
        config=paths.config,
        logs=paths.logs,
    )


def _homeless() -> UnavailableError:
    """Return the error for a user without a home folder in HOME or the user database."""
    return UnavailableError(
        f"user {os.getuid()} has no home folder",
        hint="set MISSION_HOME to a folder of your own, for example MISSION_HOME=/var/lib/missions",
    )


def place_of(text: str, what: str) -> Path:
    """Return the absolute path of a user's input, with `~` expanded; `UsageError`."""
    try:
        return Path(text).expanduser().absolute()
    except RuntimeError as error:
        raise UsageError(f"{what} {text}: that home folder cannot be determined") from error
    except FileNotFoundError as error:
        raise UsageError(
            f"{what} {text}: the path is relative, and the working directory was deleted"
        ) from error


def current_folder() -> Path:
    """Return the working directory, or `/` if it was deleted."""
    try:
        return Path.cwd()
    except FileNotFoundError:
        return Path("/")
