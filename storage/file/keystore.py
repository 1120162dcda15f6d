"""The audit key on disk: one private key per folder, and the public keys that are trusted there.

    audit.pem         the current private key: PKCS8 PEM, 0600, owned by the user
    audit-ID.vkey     a public key (C2SP vkey) for each key that was ever current

Nothing of a key is kept in the database. The package `cryptography` is imported on first use.
"""

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from core.audit.format.key import InvalidKeyError, Verifier, decode_vkey
from core.errors import UnavailableError
from storage.file.access_check import user_name

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

KEY_NAME: Final = "missiondeck"
PRIVATE_FILE: Final = "audit.pem"
MAX_KEY_FILE_BYTES: Final = 16 * 1024


class FileSigner:
    """An Ed25519 key read from a file; implements `core.ports.Signer`."""

    __slots__ = ("_key", "_verifier")

    def __init__(self, key: "Ed25519PrivateKey") -> None:
        self._key = key
        self._verifier = Verifier(KEY_NAME, key.public_key().public_bytes_raw())

    @property
    def key_name(self) -> str:
        """The name of the key; in checkpoints the log's origin stands in its place."""
        return KEY_NAME

    @property
    def public_key(self) -> bytes:
        """The 32 raw bytes of the public key."""
        return self._verifier.public_key

    @property
    def verifier(self) -> Verifier:
        """The public key under its own name."""
        return self._verifier

    def sign(self, message: bytes) -> bytes:
        """Return the 64-byte signature (RFC 8032) of `message`."""
        return self._key.sign(message)


def load_signer(folder: Path) -> FileSigner | None:
    """Return the key of `folder`, None when there is none; nothing is created or written.

    Raises `UnavailableError` for a key that exists but cannot be used.
    """
    if not folder.exists():
        return None
    with _open_folder(folder, create=False) as directory:
        data = _read(directory, folder, PRIVATE_FILE, secret=True)
    return None if data is None else FileSigner(_load_private_key(data, folder / PRIVATE_FILE))


def load_or_create_signer(folder: Path) -> FileSigner:
    """Return the key of `folder`, created on first use; concurrent processes get the same key.

    Raises `UnavailableError` when the folder or file belongs to somebody else, is open to others,
    is a link, is damaged, or cannot be written.
    """
    with _open_folder(folder, create=True) as directory:
        data = _read(directory, folder, PRIVATE_FILE, secret=True)
        if data is None:
            _create(directory, PRIVATE_FILE, _new_private_key(), 0o600)
            data = _read(directory, folder, PRIVATE_FILE, secret=True)
        if data is None:
            raise UnavailableError(
                f"the audit key {folder / PRIVATE_FILE} was removed while it was being created"
            )
        signer = FileSigner(_load_private_key(data, folder / PRIVATE_FILE))
        public = f"audit-{signer.verifier.key_id.hex()}.vkey"
        if _read(directory, folder, public, secret=False) is None:
            _create(directory, public, f"{signer.verifier.vkey}\n".encode(), 0o644)
        return signer


def public_keys(folder: Path) -> list[Verifier]:
    """Return the trusted public keys of `folder` in order of file name.

    Raises `UnavailableError` for a folder that others can write to, or for a damaged key file.
    """
    if not folder.exists():
        return []
    found = []
    with _open_folder(folder, create=False) as directory:
        for name in sorted(os.listdir(directory)):  # noqa: PTH208 - of the folder that was checked
            if not (name.startswith("audit-") and name.endswith(".vkey")):
                continue
            data = _read(directory, folder, name, secret=False)
            try:
                found.append(decode_vkey((data or b"").decode("ascii").removesuffix("\n")))
            except (InvalidKeyError, UnicodeDecodeError) as error:
                raise UnavailableError(
                    f"the public key file {folder / name} is damaged: {error}",
                    hint="restore it from a backup, or remove it to stop trusting that key",
                ) from error
    return found


@contextmanager
def _open_folder(folder: Path, *, create: bool) -> Iterator[int]:
    """Yield a descriptor of the checked folder, relative to which files are opened (no TOCTOU)."""
    try:
        if create:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise UnavailableError(
            f"the key folder {folder} cannot be used: {error.strerror}{_whose(folder)}",
            hint="MISSION_HOME names the folder that holds it",
        ) from error
    try:
        found = os.fstat(directory)
        if found.st_uid != os.geteuid():
            raise UnavailableError(
                f"the key folder {folder} belongs to {user_name(found.st_uid)}",
                hint="run as its owner, or give MISSION_HOME a folder of your own",
            )
        if found.st_mode & 0o022:
            raise UnavailableError(
                f"others can write to the key folder {folder}", hint=f"chmod 700 {folder}"
            )
        yield directory
    except OSError as error:
        raise UnavailableError(
            f"the keys in {folder} cannot be used: {error.strerror or error}",
        ) from error
    finally:
        os.close(directory)


def _whose(folder: Path) -> str:
    """Return the owner of a folder of somebody else in words, else nothing."""
    try:
        owner = folder.stat().st_uid
    except OSError:
        return ""
    return "" if owner == os.geteuid() else f" (it belongs to {user_name(owner)})"


def _read(directory: int, folder: Path, name: str, *, secret: bool) -> bytes | None:
    """Return a file's bytes after checking its type, owner and mode; None when there is no file."""
    path = folder / name
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        handle = os.open(name, flags, dir_fd=directory)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise UnavailableError(
                f"the key file {path} is a symbolic link",
                hint="replace the link by the file itself",
            ) from error
        raise
    with os.fdopen(handle, "rb") as file:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise UnavailableError(f"the key file {path} is not a regular file")
        if found.st_uid != os.geteuid():
            raise UnavailableError(f"the key file {path} belongs to {user_name(found.st_uid)}")
        if found.st_mode & (0o077 if secret else 0o022):
            mode = "600" if secret else "644"
            raise UnavailableError(
                f"the key file {path} is open to others (mode {found.st_mode & 0o777:03o})",
                hint=f"chmod {mode} {path}; if others may have read it, treat the key as stolen"
                if secret
                else f"chmod {mode} {path}",
            )
        data = file.read(MAX_KEY_FILE_BYTES + 1)
    if len(data) > MAX_KEY_FILE_BYTES:
        raise UnavailableError(f"the key file {path} is too large to be a key")
    return data


def _create(directory: int, name: str, data: bytes, mode: int) -> None:
    """Create the file atomically, complete and synced, unless it exists already."""
    temporary = f".{name}.{os.getpid()}.{secrets.token_hex(8)}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    handle = os.open(temporary, flags, mode, dir_fd=directory)
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchmod(handle, mode)
            file.write(data)
            file.flush()
            os.fsync(handle)
        with suppress(FileExistsError):  # another process was first: its file is kept
            os.link(
                temporary, name, src_dir_fd=directory, dst_dir_fd=directory, follow_symlinks=False
            )
    finally:
        os.unlink(temporary, dir_fd=directory)
    os.fsync(directory)


def _new_private_key() -> bytes:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    return Ed25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )


def _load_private_key(data: bytes, path: Path) -> "Ed25519PrivateKey":
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(data, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise UnavailableError(
            f"the audit key {path} cannot be read",
            hint="restore it from a backup; without it the log cannot be continued by this key",
        ) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise UnavailableError(f"the audit key {path} is not an Ed25519 key")
    return key
