"""Where the key of the secret store comes from: a credential, a key file, a passphrase, a keyring.

They are tried in this order, and the first that exists is used:

1. `$CREDENTIALS_DIRECTORY/missiondeck.key` (systemd's `LoadCredential=`), 64 hexadecimal digits;
2. `secrets.key` in the key folder, mode 0600, 64 hexadecimal digits;
3. a passphrase, when the store was made with one: Argon2id (RFC 9106) over a salt of the store;
4. the keyring of the operating system, when the package `keyring` is installed and has an entry.
"""

import os
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from msgspec import Struct

from core.errors import UnavailableError
from core.security.sealed_secret import KEY_BYTES, StoreKey
from storage.file.keyring_key import keyring_keys, promote_keyring_key
from storage.file.private_file import create_whole, private_folder, read_checked, replace_whole

KEY_FILE: Final = "secrets.key"
NEXT_KEY_FILE: Final = "secrets.key.next"
"""The key that a change of keys is about to put in place: the store may be sealed by it already."""

CREDENTIAL: Final = "missiondeck.key"
PASSPHRASE_VARIABLE: Final = "MISSION_PASSPHRASE_FILE"  # noqa: S105 - a variable's name


class PassphraseCost(Struct, frozen=True, kw_only=True):
    """The parameters of Argon2id: RFC 9106's second recommended choice by default."""

    salt: str
    """32 hexadecimal digits."""
    memory_kib: int = 64 * 1024
    iterations: int = 3
    lanes: int = 4


class KeySource(Struct, frozen=True, kw_only=True):
    """Where to look. `ask` is called for a passphrase; None where nobody can be asked."""

    folder: Path
    environ: Mapping[str, str]
    ask: Callable[[], str] | None = None


def new_cost() -> PassphraseCost:
    """Return the parameters for a new passphrase."""
    return PassphraseCost(salt=secrets.token_hex(16))


def find_key(
    source: KeySource, cost: PassphraseCost | None, key_id: str | None = None
) -> StoreKey | None:
    """Return the key `key_id` if it is found, else the first key there is, None without one.

    `cost` is given for a store that has a passphrase. Raises `UnavailableError` for a key that is
    there and cannot be used.
    """
    first = None
    for look in (_find_credential, _find_key_file, _find_next_key_file):
        found = look(source)
        if found is not None and (key_id is None or found.key_id == key_id):
            return found
        first = first or found
    if cost is not None:
        return derive_key(read_passphrase(source), cost)
    if first is None or key_id is not None:  # a change of keys may have been interrupted
        for key in keyring_keys():
            if key_id is None or key.key_id == key_id:
                return key
            first = first or key
    return first


def create_key_file(folder: Path) -> StoreKey:
    """Make the 0600 key file, or return the key of the one that another process just made."""
    with private_folder(folder, create=True) as opened:
        text = f"{secrets.token_hex(KEY_BYTES)}\n"
        create_whole(opened, KEY_FILE, text.encode(), 0o600)
        data = read_checked(opened, folder, KEY_FILE, secret=True)
    if data is None:
        raise UnavailableError(
            f"the key {folder / KEY_FILE} was removed while it was being created"
        )
    return _parse(data, folder / KEY_FILE)


def stage_key_file(folder: Path) -> StoreKey:
    """Write a new key beside the one in use; `promote_key_file` puts it in place."""
    text = f"{secrets.token_hex(KEY_BYTES)}\n"
    with private_folder(folder, create=True) as opened:
        replace_whole(opened, NEXT_KEY_FILE, text.encode(), 0o600)
    return _parse(text.encode(), folder / NEXT_KEY_FILE)


def promote_key_file(folder: Path) -> None:
    """Put the staged key in the place of the one that was in use."""
    with private_folder(folder, create=False) as opened:
        os.rename(NEXT_KEY_FILE, KEY_FILE, src_dir_fd=opened, dst_dir_fd=opened)
        os.fsync(opened)


def finish_promotion(folder: Path, key_id: str) -> None:
    """Put the staged key in place if a change of keys to it was interrupted after the store."""
    staged = _read_key_file(folder, NEXT_KEY_FILE)
    if staged is not None and staged.key_id == key_id:
        promote_key_file(folder)
    elif staged is None and any(key.key_id == key_id for key in keyring_keys()[1:]):
        promote_keyring_key()


def remove_key_files(folder: Path) -> None:
    """Remove the key files, which no store needs any more."""
    if folder.exists():
        with private_folder(folder, create=False) as opened:
            for name in (KEY_FILE, NEXT_KEY_FILE):
                with suppress(FileNotFoundError):
                    os.unlink(name, dir_fd=opened)
            os.fsync(opened)


def derive_key(passphrase: str, cost: PassphraseCost) -> StoreKey:
    """Return the key that a passphrase stands for."""
    from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

    derived = Argon2id(
        salt=bytes.fromhex(cost.salt),
        length=KEY_BYTES,
        iterations=cost.iterations,
        lanes=cost.lanes,
        memory_cost=cost.memory_kib,
    ).derive(passphrase.encode())
    return StoreKey(derived)


def read_passphrase(source: KeySource) -> str:
    """Return the passphrase from the file that the environment names, or ask for it.

    Raises `UnavailableError` when there is neither a file nor anybody to ask.
    """
    path = source.environ.get(PASSPHRASE_VARIABLE)
    if path:
        try:
            return Path(path).read_text("utf-8").removesuffix("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise UnavailableError(
                f"the passphrase file {path} cannot be read: {error}",
                hint=f"{PASSPHRASE_VARIABLE} names it",
            ) from error
    if source.ask is None:
        raise UnavailableError(
            "the secret store needs its passphrase, and nobody can be asked for it here",
            hint=f"set {PASSPHRASE_VARIABLE} to a file that holds it",
        )
    return source.ask()


def _find_credential(source: KeySource) -> StoreKey | None:
    directory = source.environ.get("CREDENTIALS_DIRECTORY")
    if not directory:
        return None
    path = Path(directory) / CREDENTIAL
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UnavailableError(
            f"the credential {path} cannot be read: {error.strerror}",
            hint="CREDENTIALS_DIRECTORY names its folder",
        ) from error
    return _parse(data, path)


def _find_key_file(source: KeySource) -> StoreKey | None:
    return _read_key_file(source.folder, KEY_FILE)


def _find_next_key_file(source: KeySource) -> StoreKey | None:
    return _read_key_file(source.folder, NEXT_KEY_FILE)


def _read_key_file(folder: Path, name: str) -> StoreKey | None:
    if not folder.exists():
        return None
    with private_folder(folder, create=False) as opened:
        data = read_checked(opened, folder, name, secret=True)
    return None if data is None else _parse(data, folder / name)


def _parse(data: bytes, place: Path | str) -> StoreKey:
    try:
        key = bytes.fromhex(data.decode("ascii").strip())
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise UnavailableError(
            f"{os.fspath(place)} does not hold the {2 * KEY_BYTES} hexadecimal digits of a key",
            hint="restore it from a backup; without it the stored secrets cannot be read",
        )
    return StoreKey(key)
