"""Writes a new mission file from a template, with the schema beside it that editors read."""

import json
from pathlib import Path

from core.errors import ConflictError, NotFoundError, UnavailableError, UsageError
from core.mission_file.load import SUFFIXES
from tui.host.mission_templates import NAME, template_text
from tui.host.places import FOLDER_MISSIONS

SCHEMA_FILE = ".mission-schema.json"
MODELINE = f"# yaml-language-server: $schema=./{SCHEMA_FILE}\n"


def schema_text() -> str:
    """Return the JSON Schema of mission files as indented text."""
    from core.mission_file.schema import mission_schema

    return json.dumps(mission_schema(), indent=2)


def write_mission(
    file: Path, template: str, *, with_schema: bool = True, force: bool = False
) -> list[Path]:
    """Write the mission of a template to `file`; return the files that were written.

    Raises `NotFoundError` without its folder, `ConflictError` for a file that exists unless
    `force` is given, `UnavailableError` for one that cannot be written.
    """
    if not file.parent.is_dir():
        raise NotFoundError(f"there is no folder {file.parent}")
    name = json.dumps(_name_of(file), ensure_ascii=False)
    text = template_text(template).replace(f"name: {NAME}\n", f"name: {name}\n", 1)
    _write(file, MODELINE + text if with_schema else text, force=force)
    if not with_schema:
        return [file]
    schema = file.with_name(SCHEMA_FILE)
    _write(schema, schema_text() + "\n", force=True)
    return [file, schema]


def new_file(folder: Path, name: str) -> Path:
    """Return the file in `folder` for a name that somebody typed; `UsageError` for a bad one."""
    wanted = name.strip()
    if not wanted or wanted.startswith(".") or "/" in wanted or not wanted.isprintable():
        raise UsageError(
            f"{name!r} is not the name of a file in {folder}", hint="type one such as nightly.yaml"
        )
    suffix = Path(wanted).suffix.lower()
    return folder / (wanted if suffix in SUFFIXES and suffix != ".json" else f"{wanted}.yaml")


def _name_of(file: Path) -> str:
    """Return a mission's name for its file; a folder's own mission is called like the folder."""
    is_own = file.name in FOLDER_MISSIONS
    return (file.resolve().parent.name if is_own else file.stem) or file.stem


def _write(path: Path, text: str, *, force: bool) -> None:
    try:
        with path.open("w" if force else "x", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    except FileExistsError as error:
        raise ConflictError(f"{path} exists already") from error
    except OSError as error:
        raise UnavailableError(f"{path} cannot be written: {error.strerror or error}") from error
