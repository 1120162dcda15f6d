"""The key of the secret store in the keyring of the operating system, by the package `keyring`.

It is in the entry `secrets` of the service `missiondeck`, as 64 hexadecimal digits. A change of
keys writes the new one into the entry `secrets.next` first, so that a crash leaves both.
"""

import importlib
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

from core.errors import UnavailableError
from core.security.sealed_secret import KEY_BYTES, StoreKey

SERVICE: Final = "missiondeck"
ENTRY: Final = "secrets"
NEXT_ENTRY: Final = "secrets.next"


def keyring_keys() -> list[StoreKey]:
    """Return the keys that the keyring has, the one in use first; none without a keyring.

    Raises `UnavailableError` for a keyring that is locked, or an entry that holds no key.
    """
    keyring = _package()
    if keyring is None:
        return []
    found = []
    with _in_words(keyring):
        for entry in (ENTRY, NEXT_ENTRY):
            try:
                text = keyring.get_password(SERVICE, entry)
            except keyring.errors.NoKeyringError:  # the package is here, a keyring is not
                return []
            if text is not None:
                found.append(_parse(text, entry))
    return found


def stage_keyring_key() -> StoreKey:
    """Write a new key beside the one in use; `promote_keyring_key` puts it in place.

    Raises `UnavailableError` without a keyring that can be written.
    """
    keyring = _package()
    if keyring is None:
        raise UnavailableError(
            "the package `keyring` is not installed", hint="pip install 'missiondeck[keyring]'"
        )
    text = secrets.token_hex(KEY_BYTES)
    with _in_words(keyring):
        keyring.set_password(SERVICE, NEXT_ENTRY, text)
        if keyring.get_password(SERVICE, NEXT_ENTRY) != text:
            raise UnavailableError("the keyring does not keep what is put into it")
    return _parse(text, NEXT_ENTRY)


def promote_keyring_key() -> None:
    """Put the staged key in the place of the one that was in use."""
    keyring = _package()
    if keyring is not None:
        with _in_words(keyring):
            text = keyring.get_password(SERVICE, NEXT_ENTRY)
            if text is not None:
                keyring.set_password(SERVICE, ENTRY, text)
                keyring.delete_password(SERVICE, NEXT_ENTRY)


def remove_keyring_keys() -> None:
    """Remove the keys, which no store needs any more; without a keyring do nothing."""
    keyring = _package()
    if keyring is not None:
        for entry in (ENTRY, NEXT_ENTRY):
            with suppress(keyring.errors.KeyringError):
                if keyring.get_password(SERVICE, entry) is not None:
                    keyring.delete_password(SERVICE, entry)


def _package() -> Any:
    """Return the package, None where it is not installed."""
    try:
        return importlib.import_module("keyring")  # the extra `missiondeck[keyring]`
    except ImportError:
        return None


@contextmanager
def _in_words(keyring: Any) -> Iterator[None]:
    try:
        yield
    except keyring.errors.KeyringError as error:
        raise UnavailableError(f"the keyring cannot be used: {error}") from error


def _parse(text: str, entry: str) -> StoreKey:
    try:
        key = bytes.fromhex(text.strip())
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise UnavailableError(
            f"the entry {entry} of {SERVICE} in the keyring does not hold the {2 * KEY_BYTES}"
            " hexadecimal digits of a key",
            hint="restore it from a backup; without it the stored secrets cannot be read",
        )
    return StoreKey(key)
