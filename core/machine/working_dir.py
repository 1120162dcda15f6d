"""Resolves the working folder of a step, which must be within the mission's folder."""

from pathlib import Path


def folder_within(root: Path, base: Path, name: str) -> Path:
    """Return the folder `name`, relative to `base`, symbolic links resolved.

    Raises `ValueError` when it is outside of `root`, or its name cannot be one of a folder.
    """
    if "\0" in name:
        raise ValueError("working_dir holds a NUL character")
    try:
        folder = (base / name).resolve()
        outside = not folder.is_relative_to(root.resolve())
    except (OSError, RuntimeError) as error:  # a name that is too long, a loop of links
        raise ValueError(f"working_dir `{name}` cannot be found: {error}") from error
    if outside:
        raise ValueError(f"working_dir `{name}` leaves the mission's folder {root}")
    return folder
