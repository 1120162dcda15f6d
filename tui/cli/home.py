"""Where database, keys, configuration and logs live.

`MISSION_HOME` moves all of it into one folder; without it the XDG folders of the platform are used.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

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


def find_paths(environ: Mapping[str, str], *, database: str | None = None) -> Paths:
    """Return the places; `database` replaces the database alone."""
    home = environ.get("MISSION_HOME")
    if home:
        folder = Path(home).expanduser().absolute()
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
        data = Path(dirs.user_data_path)
        paths = Paths(
            home=data,
            db=data / DATABASE,
            keys=data / "keys",
            config=Path(dirs.user_config_path) / CONFIG,
            logs=Path(dirs.user_state_path) / "logs",
        )
    if database is None:
        return paths
    return Paths(
        home=paths.home,
        db=Path(database).expanduser().absolute(),
        keys=paths.keys,
        config=paths.config,
        logs=paths.logs,
    )
