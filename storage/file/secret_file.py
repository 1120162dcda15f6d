"""The secrets of a user in one file, encrypted: `secrets.json` in the home folder, mode 0600.

The file is one JSON document. Every value is sealed on its own (`core.security.sealed_secret`), and
the last member, `proof`, authenticates all bytes before it, so that no entry can be dropped, taken
from an older file one by one, or changed anywhere without notice. What cannot be noticed is that
the whole file was replaced by an older one. Writers take turns by a lock file and replace the file
as a whole.
"""

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from core.errors import NotFoundError, UnavailableError
from core.ports.secrets import SecretMissingError
from core.security.sealed_secret import (
    SealedSecret,
    SealedSecretError,
    StoreKey,
    open_sealed,
    rewrap,
    seal,
)
from core.security.store_proof import make_proof, proves
from storage.file.keyring_key import (
    promote_keyring_key,
    remove_keyring_keys,
    stage_keyring_key,
)
from storage.file.private_file import private_folder, read_checked, replace_whole
from storage.file.secret_key import (
    KeySource,
    PassphraseCost,
    create_key_file,
    derive_key,
    find_key,
    finish_promotion,
    new_cost,
    promote_key_file,
    remove_key_files,
    stage_key_file,
)

FILE: Final = "secrets.json"
LOCK: Final = "secrets.lock"
FORMAT: Final = 1
MAX_FILE_BYTES: Final = 64 * 1024 * 1024
MAX_VALUE_BYTES: Final = 1024 * 1024
_PROOF: Final = b',"proof":"'


class StoreContent(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All of a store. `secrets` holds the current version of each name, by name."""

    format: int
    store_id: str
    key_id: str
    passphrase: PassphraseCost | None
    secrets: tuple[SealedSecret, ...]


_decode = msgspec.json.Decoder(StoreContent).decode


class SecretFile:
    """The store of one home folder; implements `core.ports.secrets.SecretStore`.

    The file is read and verified as a whole on every use; the key is looked for once.
    """

    def __init__(self, home: Path, keys: KeySource) -> None:
        self._home = home
        self._keys = keys
        self._key: StoreKey | None = None

    @property
    def path(self) -> Path:
        """The file, which need not exist."""
        return self._home / FILE

    def missing(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """Return those of `names` that have no value, in their order."""
        known = {entry.name for entry in self.entries()}
        return tuple(name for name in names if name not in known)

    def read(self, name: str) -> bytes:
        """Return the current value.

        Raises `SecretMissingError` without one, `UnavailableError` when it cannot be opened.
        """
        key, content = self._verified()
        return open_sealed(key, content.store_id, _entry(content, name))

    def is_masked(self, name: str) -> bool:
        """Tell whether the value is masked in output; a very short one is not."""
        return _entry(self._verified()[1], name).is_masked

    def entries(self) -> tuple[SealedSecret, ...]:
        """Return what is stored, by name, values sealed; empty without a store."""
        return () if self._load() is None else self._verified()[1].secrets

    def set(self, name: str, value: bytes, *, created_at: int, is_masked: bool) -> bool:
        """Store a value as the next version of `name`; tell whether a key file was made for it.

        Raises `UnavailableError` when store or key cannot be used.
        """
        with self._locked():
            is_new_key = False
            if self._load() is None:
                key = find_key(self._keys, None)
                if key is None:
                    key, is_new_key = create_key_file(self._keys.folder), True
                content = StoreContent(
                    format=FORMAT,
                    store_id=secrets.token_hex(16),
                    key_id=key.key_id,
                    passphrase=None,
                    secrets=(),
                )
            else:
                key, content = self._verified()
            versions = [entry.version for entry in content.secrets if entry.name == name]
            sealed = seal(
                key,
                content.store_id,
                name=name,
                version=max(versions, default=0) + 1,
                created_at=created_at,
                is_masked=is_masked,
                value=value,
            )
            others = [entry for entry in content.secrets if entry.name != name]
            entries = sorted([*others, sealed], key=lambda entry: entry.name)
            self._write(key, replace(content, secrets=tuple(entries)))
            return is_new_key

    def remove(self, name: str) -> None:
        """Forget a secret. Raises `SecretMissingError` for one that is not stored."""
        with self._locked():
            key, content = self._verified()
            gone = _entry(content, name)
            kept = tuple(entry for entry in content.secrets if entry is not gone)
            self._write(key, replace(content, secrets=kept))

    def rekey(self, passphrase: str | None, *, to_keyring: bool = False) -> int:
        """Wrap every secret by a new key file, passphrase or key of the keyring; return how many.

        The new content is complete and every value in it was compared with the old one before it
        takes the place of the old file. A crash leaves either key with the file it opens.
        """
        with self._locked():
            old, content = self._verified()
            finish_promotion(self._keys.folder, content.key_id)
            cost = None
            if to_keyring:
                new = stage_keyring_key()
            elif passphrase is None:
                new = stage_key_file(self._keys.folder)
            else:
                cost = new_cost()
                new = derive_key(passphrase, cost)
            moved = tuple(rewrap(old, new, content.store_id, entry) for entry in content.secrets)
            for before, after in zip(content.secrets, moved, strict=True):
                opened = open_sealed(new, content.store_id, after)
                if opened != open_sealed(old, content.store_id, before):
                    raise SealedSecretError(f"the secret {after.name} did not survive its new key")
            changed = replace(content, key_id=new.key_id, passphrase=cost, secrets=moved)
            self._write(new, changed)
            if to_keyring:
                promote_keyring_key()
            else:
                remove_keyring_keys()
            if to_keyring or passphrase is not None:
                remove_key_files(self._keys.folder)
            else:
                promote_key_file(self._keys.folder)
            return len(moved)

    # --- the file --------------------------------------------------------------------------------

    def _verified(self) -> tuple[StoreKey, StoreContent]:
        """Return key and content, the whole file being proved by the key."""
        loaded = self._load()
        if loaded is None:
            raise NotFoundError(
                f"there is no secret store {self.path}",
                hint="`mission secrets set NAME` makes it",
            )
        body, proof, content = loaded
        if self._key is None or self._key.key_id != content.key_id:
            self._key = self._find_key(content)
        if not proves(self._key, body, proof):
            raise SealedSecretError(
                f"the secret store {self.path} was changed by something else",
                hint="restore it from a backup",
            )
        return self._key, content

    def _find_key(self, content: StoreContent) -> StoreKey:
        key = find_key(self._keys, content.passphrase, content.key_id)
        if key is None:
            raise UnavailableError(
                f"the key {content.key_id} of the secret store {self.path} is not here",
                hint="restore the key file from a backup: nothing else opens the store",
            )
        if key.key_id != content.key_id:
            raise UnavailableError(
                f"the secret store {self.path} needs the key {content.key_id};"
                f" the one that was found is {key.key_id}",
                hint="a wrong passphrase, or the key file of another store",
            )
        return key

    def _load(self) -> tuple[bytes, str, StoreContent] | None:
        """Return the bytes that are proved, the proof and the content; nothing is verified."""
        if not self._home.exists():
            return None
        with private_folder(self._home, create=False) as directory:
            data = read_checked(
                directory, self._home, FILE, secret=True, limit_bytes=MAX_FILE_BYTES
            )
        if data is None:
            return None
        body, mark, rest = data.rpartition(_PROOF)
        try:
            content = _decode(body + b"}")
            proof = rest.decode("ascii")
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise self._damaged(str(error)) from error
        if not mark or not proof.endswith('"}\n'):
            raise self._damaged("its end is missing")
        if content.format != FORMAT:
            raise UnavailableError(
                f"the secret store {self.path} has format {content.format}; this version knows"
                f" {FORMAT}",
                hint="use the version of Mission Deck that wrote it",
            )
        return body, proof[: -len('"}\n')], content

    def _damaged(self, told: str) -> SealedSecretError:
        return SealedSecretError(
            f"the secret store {self.path} is damaged: {told}", hint="restore it from a backup"
        )

    def _write(self, key: StoreKey, content: StoreContent) -> None:
        body = msgspec.json.encode(content)[:-1]
        proof = make_proof(key, body).encode()
        with private_folder(self._home, create=True) as directory:
            replace_whole(directory, FILE, body + _PROOF + proof + b'"}\n', 0o600)
        self._key = key

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Let one writer at a time change the file; what was read before is read again."""
        with private_folder(self._home, create=True) as directory:
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            handle = os.open(LOCK, flags, 0o600, dir_fd=directory)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX)
                yield
            finally:
                os.close(handle)


def _entry(content: StoreContent, name: str) -> SealedSecret:
    for entry in content.secrets:
        if entry.name == name:
            return entry
    raise SecretMissingError((name,))
