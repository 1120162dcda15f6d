"""The files of the policy layers: which there are, whom they may come from, and what they say.

Knows nothing of decisions.
"""

import hashlib
from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path

from msgspec import Struct

from core.errors import PolicyFileError, UntrustedFileError
from core.machine.trusted_file import list_folder, read_file, trusted_owners

POLICY_FOLDER = "policy.d"
PROJECT_FOLDER = ".missiondeck"
SUFFIX = ".cedar"

MAX_FILE_BYTES = 256 * 1024
MAX_FILES = 100
"""In one folder."""


class Layer(StrEnum):
    """Whose policies these are, the strongest first."""

    SYSTEM = "system"
    """Of whoever administers the machine: only these may permit."""
    HOME = "home"
    PROJECT = "project"
    """Of the folder of the mission file, or one above."""


class PolicyFolder(Struct, frozen=True):
    """A folder that may hold policies, and its layer."""

    layer: Layer
    path: Path


class PolicyFile(Struct, frozen=True):
    """A policy file that was read: its layer, path, text, and the SHA-256 (hex) of its bytes."""

    layer: Layer
    path: Path
    text: str
    sha256: str


class FolderContent(Struct, frozen=True):
    """What was found in one folder: policy files, and names that are none."""

    folder: PolicyFolder
    files: tuple[PolicyFile, ...]
    ignored: tuple[str, ...]


def project_folders(start: Path) -> Iterator[PolicyFolder]:
    """Yield the policy folders of the project of a folder: below it and below each one above it."""
    for folder in (start, *start.parents):
        yield PolicyFolder(Layer.PROJECT, folder / PROJECT_FOLDER / POLICY_FOLDER)


def read_folders(folders: Sequence[PolicyFolder]) -> list[FolderContent]:
    """Read the folders that exist.

    Raises `PolicyFileError` naming the first file or folder that cannot be read, that others can
    change, that is no regular file, or that is too large.
    """
    found = []
    for folder in folders:
        try:
            content = _read_folder(folder)
        except UntrustedFileError as error:
            raise PolicyFileError(f"policy: {error.message}", hint=error.hint) from error
        if content is not None:
            found.append(content)
    return found


def _read_folder(folder: PolicyFolder) -> FolderContent | None:
    owners = trusted_owners(system=folder.layer is Layer.SYSTEM)
    names = list_folder(folder.path, owners=owners)
    if not names:
        return None
    list_folder(folder.path.parent, owners=owners)  # whoever can write to it can replace the folder
    wanted = [name for name in names if name.endswith(SUFFIX)]
    if len(wanted) > MAX_FILES:
        raise UntrustedFileError(f"{folder.path} holds more than {MAX_FILES} policy files")
    files = tuple(_read(folder.layer, folder.path / name, owners) for name in wanted)
    return FolderContent(folder, files, tuple(sorted(set(names) - set(wanted))))


def _read(layer: Layer, path: Path, owners: frozenset[int]) -> PolicyFile:
    file = read_file(path, owners=owners, limit_bytes=MAX_FILE_BYTES)
    if file is None:
        raise UntrustedFileError(f"{path} was removed while it was being read")
    data = file.require()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UntrustedFileError(f"{path}:{line}: it is not UTF-8") from error
    return PolicyFile(layer, path, text, hashlib.sha256(data).hexdigest())
