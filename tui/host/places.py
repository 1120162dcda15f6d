"""Where database, keys, configuration and logs live.

`MISSION_HOME` moves all of it into one folder; without it the XDG folders of the platform are used.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from core.errors import UnavailableError, UsageError

DATABASE = "missions.db"
CONFIG = "config.toml"
APPLICATION = "missiondeck"


@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    """The places of one user. None of them needs to exist."""

    home: Path
    db: Path
    keys: Path
    config: Path
    logs: Path

    @property
    def has_database(self) -> bool:
        """Whether there is a database; an empty file is a new one, of which nothing is known yet.

        Raises `UnavailableError` for one that was emptied.
        """
        from storage.file.file_identity import is_created

        return is_created(self.db)


def find_paths(environ: Mapping[str, str], *, database: str | None = None) -> Paths:
    """Return the places; `database` replaces the database alone.

    Raises `UnavailableError` where there is no place, `UsageError` for one that cannot be read.
    """
    home = environ.get("MISSION_HOME")
    if home:
        folder = place_of(home, "MISSION_HOME")
        if folder.exists() and not folder.is_dir():
            raise UnavailableError(f"MISSION_HOME is no folder: {folder}")
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
    """Return the error for a user whom neither HOME nor the list of users gives a folder."""
    return UnavailableError(
        f"user {os.getuid()} has no home folder to keep missions in",
        hint="set MISSION_HOME to a folder of your own, for example MISSION_HOME=/var/lib/missions",
    )


def place_of(text: str, what: str) -> Path:
    """Return the absolute path that a user means, `~` included; `UsageError` when there is none."""
    try:
        return Path(text).expanduser().absolute()
    except RuntimeError as error:
        raise UsageError(f"{what} {text}: nobody knows that home folder") from error
    except FileNotFoundError as error:
        raise UsageError(
            f"{what} {text}: the working directory that this is relative to is gone"
        ) from error


def current_folder() -> Path:
    """Return the working directory; `/` where it was deleted."""
    try:
        return Path.cwd()
    except FileNotFoundError:
        return Path("/")
