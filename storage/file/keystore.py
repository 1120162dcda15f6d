"""The audit key on disk: one private key per folder, and the public keys that are trusted there.

    audit.pem         the current private key: PKCS8 PEM, 0600, owned by the user
    audit-next.pem    the private key that a rotation which has not ended hands the log over to
    audit-ID.vkey     a public key (C2SP vkey) for each key that was ever current
    audit-ID.revoked  a public key that is not trusted any more: JSON with `vkey` and `reason`

Nothing of a key is kept in the database. The package `cryptography` is imported on first use.
"""

import fcntl
import os
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec import DecodeError, Struct
from msgspec.json import decode, encode

from core.audit.chain.key_history import RevokedKey
from core.audit.format.key import InvalidKeyError, Verifier, decode_vkey
from core.errors import UnavailableError
from storage.file.private_file import (
    create_whole,
    private_folder,
    read_checked,
    replace_whole,
)

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

KEY_NAME: Final = "missiondeck"
PRIVATE_FILE: Final = "audit.pem"
NEXT_FILE: Final = "audit-next.pem"

_PEM_BEGIN: Final = b"-----BEGIN PRIVATE KEY-----\n"
_PEM_END: Final = b"-----END PRIVATE KEY-----\n"
_PKCS8_ED25519: Final = bytes.fromhex("302e020100300506032b657004220420")
"""What the 32 bytes of an Ed25519 key follow in its PKCS8 form (RFC 8410, section 7)."""


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
    with private_folder(folder, create=False) as directory:
        data = read_checked(directory, folder, PRIVATE_FILE, secret=True)
    return None if data is None else FileSigner(_load_private_key(data, folder / PRIVATE_FILE))


def load_or_create_signer(folder: Path) -> FileSigner:
    """Return the key of `folder`, created on first use; concurrent processes get the same key.

    Raises `UnavailableError` when the folder or file belongs to somebody else, is open to others,
    is a link, is damaged, or cannot be written.
    """
    with private_folder(folder, create=True) as directory:
        data = read_checked(directory, folder, PRIVATE_FILE, secret=True)
        if data is None:
            create_whole(directory, PRIVATE_FILE, _new_private_key(), 0o600)
            data = read_checked(directory, folder, PRIVATE_FILE, secret=True)
        if data is None:
            raise UnavailableError(
                f"the audit key {folder / PRIVATE_FILE} was removed while it was being created"
            )
        signer = _require_not_revoked(
            folder, FileSigner(_load_private_key(data, folder / PRIVATE_FILE))
        )
        _trust(directory, folder, signer)
        return signer


@contextmanager
def rotation_lock(folder: Path) -> Iterator[None]:
    """Hold the folder against other rotations, which take milliseconds; waits for them."""
    with private_folder(folder, create=False) as directory:
        fcntl.flock(directory, fcntl.LOCK_EX)
        yield


def stage_next_signer(folder: Path) -> FileSigner:
    """Return the key of the next rotation, created, synced and trusted beside the one in use.

    A key that an interrupted rotation has left is taken: it may be the one of a log already.
    """
    with private_folder(folder, create=False) as directory:
        if read_checked(directory, folder, NEXT_FILE, secret=True) is None:
            create_whole(directory, NEXT_FILE, _new_private_key(), 0o600)
        data = read_checked(directory, folder, NEXT_FILE, secret=True)
        if data is None:
            raise UnavailableError(f"{folder / NEXT_FILE} was removed while it was being created")
        signer = FileSigner(_load_private_key(data, folder / NEXT_FILE))
        _trust(directory, folder, signer)
        return signer


def load_next_signer(folder: Path) -> FileSigner | None:
    """Return the key that a rotation has staged, None if there is none."""
    if not folder.exists():
        return None
    with private_folder(folder, create=False) as directory:
        data = read_checked(directory, folder, NEXT_FILE, secret=True)
    return None if data is None else FileSigner(_load_private_key(data, folder / NEXT_FILE))


def promote_next_signer(folder: Path) -> None:
    """Put the staged key in the place of the one in use, which is gone then.

    Only for a log that was handed over to it, under the `rotation_lock`.
    """
    with private_folder(folder, create=False) as directory:
        os.rename(NEXT_FILE, PRIVATE_FILE, src_dir_fd=directory, dst_dir_fd=directory)
        os.fsync(directory)


def _trust(directory: int, folder: Path, signer: FileSigner) -> None:
    public = f"audit-{signer.verifier.key_id.hex()}.vkey"
    if read_checked(directory, folder, public, secret=False) is None:
        create_whole(directory, public, f"{signer.verifier.vkey}\n".encode(), 0o644)


def public_keys(folder: Path) -> list[Verifier]:
    """Return the trusted public keys of `folder` in order of file name, without revoked ones.

    Raises `UnavailableError` for a folder that others can write to, or for a damaged key file.
    """
    revoked = {one.key.public_key for one in revoked_keys(folder)}
    found = []
    for path, data in _files(folder, ".vkey"):
        try:
            found.append(decode_vkey(data.decode("ascii").removesuffix("\n")))
        except (InvalidKeyError, UnicodeDecodeError) as error:
            raise UnavailableError(
                f"the public key file {path} is damaged: {error}",
                hint="restore it from a backup, or remove it to stop trusting that key",
            ) from error
    return [key for key in found if key.public_key not in revoked]


def revoked_keys(folder: Path) -> list[RevokedKey]:
    """Return the revoked public keys of `folder` in order of file name.

    Raises `UnavailableError` for a folder that others can write to, or for a damaged file.
    """
    found = []
    for path, data in _files(folder, ".revoked"):
        try:
            stored = decode(data, type=_RevokedFile)
            found.append(RevokedKey(decode_vkey(stored.vkey), stored.reason))
        except (InvalidKeyError, DecodeError) as error:
            raise UnavailableError(
                f"the file of a revoked key {path} is damaged: {error}",
                hint="restore it from a backup, or revoke the key again when it is removed",
            ) from error
    return found


def revoke_key(folder: Path, key: Verifier, reason: str) -> None:
    """Stop trusting a public key, for good and with the reason; replaces an earlier reason."""
    named = Verifier(KEY_NAME, key.public_key)
    name = f"audit-{named.key_id.hex()}"
    with private_folder(folder, create=True) as directory:
        data = encode(_RevokedFile(named.vkey, reason)) + b"\n"
        replace_whole(directory, f"{name}.revoked", data, 0o644)
        with suppress(FileNotFoundError):
            os.unlink(f"{name}.vkey", dir_fd=directory)
        os.fsync(directory)


class _RevokedFile(Struct, frozen=True):
    vkey: str
    reason: str


def _files(folder: Path, ending: str) -> Iterator[tuple[Path, bytes]]:
    if not folder.exists():
        return
    with private_folder(folder, create=False) as directory:
        for name in sorted(os.listdir(directory)):  # noqa: PTH208 - of the folder that was checked
            if name.startswith("audit-") and name.endswith(ending):
                yield folder / name, read_checked(directory, folder, name, secret=False) or b""


def _require_not_revoked(folder: Path, signer: FileSigner) -> FileSigner:
    for one in revoked_keys(folder):
        if one.key.public_key == signer.public_key:
            raise UnavailableError(
                f"the audit key in {folder / PRIVATE_FILE} was revoked: {one.reason}",
                hint="move it away and start a new database with --db; see docs/audit.md",
            )
    return signer


def _new_private_key() -> bytes:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    return Ed25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )


def _load_private_key(data: bytes, path: Path) -> "Ed25519PrivateKey":
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    raw = _raw_private_key(data)
    if raw is not None:
        return Ed25519PrivateKey.from_private_bytes(raw)

    from cryptography.exceptions import UnsupportedAlgorithm
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


def _raw_private_key(data: bytes) -> bytes | None:
    """Return the 32 bytes of a key in exactly the form that is written here, None for any other.

    Every runner reads one, and loading the general reader takes 10 ms.
    """
    if not (data.startswith(_PEM_BEGIN) and data.endswith(_PEM_END)):
        return None
    try:
        der = b64decode(data[len(_PEM_BEGIN) : -len(_PEM_END)].removesuffix(b"\n"), validate=True)
    except Base64Error:
        return None
    raw = der.removeprefix(_PKCS8_ED25519)
    return raw if len(raw) == 32 and len(der) == len(_PKCS8_ED25519) + 32 else None
