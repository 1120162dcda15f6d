"""The key of the store in a keyring, and changes of keys that are killed at every line."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

keyring = pytest.importorskip("keyring")
from keyring.backend import KeyringBackend  # noqa: E402 - the package is an extra
from keyring.backends.fail import Keyring as NoKeyring  # noqa: E402
from keyring.errors import KeyringLocked  # noqa: E402

from core.domain.mission import DeclaredSecret  # noqa: E402
from core.errors import UnavailableError  # noqa: E402
from core.ports.secrets import SecretMissingError  # noqa: E402
from core.security.mission_secrets import MissionSecrets  # noqa: E402
from storage.file import secret_file  # noqa: E402
from storage.file.keyring_key import ENTRY, NEXT_ENTRY, SERVICE, keyring_keys  # noqa: E402
from storage.file.secret_file import SecretFile  # noqa: E402
from storage.file.secret_key import KEY_FILE  # noqa: E402
from tests.storage.test_secret_file import VALUE, a_store, filled  # noqa: E402


class MemoryKeyring(KeyringBackend):
    """A keyring of the package in memory; a locked one refuses."""

    priority = 1

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # the package is untyped here
        self.kept: dict[tuple[str, str], str] = {}
        self.is_locked = False

    def get_password(self, service: str, username: str) -> str | None:
        self._check()
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self._check()
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        self._check()
        del self.kept[service, username]

    def _check(self) -> None:
        if self.is_locked:
            raise KeyringLocked("it is locked")


@pytest.fixture
def memory() -> Iterator[MemoryKeyring]:
    before = keyring.get_keyring()
    backend = MemoryKeyring()
    keyring.set_keyring(backend)
    yield backend
    keyring.set_keyring(before)


def test_a_key_in_the_keyring_takes_the_place_of_the_key_file_and_back(
    tmp_path: Path, memory: MemoryKeyring
) -> None:
    home = tmp_path / "home"
    assert filled(home).rekey(None, to_keyring=True) == 2
    assert not (home / "keys" / KEY_FILE).exists()
    assert set(memory.kept) == {(SERVICE, ENTRY)}
    assert a_store(home).read("ALPHA") == VALUE
    first = memory.kept[SERVICE, ENTRY]
    a_store(home).rekey(None, to_keyring=True)
    assert set(memory.kept) == {(SERVICE, ENTRY)}
    assert memory.kept[SERVICE, ENTRY] != first
    assert a_store(home).read("ALPHA") == VALUE
    a_store(home).rekey(None)
    assert memory.kept == {}
    assert (home / "keys" / KEY_FILE).exists()
    assert a_store(home).read("ALPHA") == VALUE


def test_a_first_secret_uses_the_key_that_the_keyring_has(
    tmp_path: Path, memory: MemoryKeyring
) -> None:
    memory.kept[SERVICE, ENTRY] = "ab" * 32
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    assert not a_store(home).set("ALPHA", VALUE, created_at=1, is_masked=True)
    assert not (home / "keys" / KEY_FILE).exists()
    memory.is_locked = True
    with pytest.raises(UnavailableError, match="it is locked"):
        a_store(home).read("ALPHA")
    memory.is_locked = False
    memory.kept[SERVICE, ENTRY] = "nonsense"
    with pytest.raises(UnavailableError, match="hexadecimal"):
        a_store(home).read("ALPHA")


def test_without_a_keyring_the_package_alone_changes_nothing(tmp_path: Path) -> None:
    before = keyring.get_keyring()
    keyring.set_keyring(NoKeyring())  # type: ignore[no-untyped-call]  # the package is untyped here
    try:
        assert keyring_keys() == []
        store = filled(tmp_path / "home")
        with pytest.raises(UnavailableError, match="keyring cannot be used"):
            store.rekey(None, to_keyring=True)
        assert store.rekey(None) == 2
        assert a_store(tmp_path / "home").read("ALPHA") == VALUE
    finally:
        keyring.set_keyring(before)


@pytest.mark.parametrize("moment", ["_write", "promote_keyring_key", "remove_key_files"])
@pytest.mark.parametrize("was_in_keyring", [False, True])
def test_a_crash_while_the_key_moves_into_the_keyring_leaves_a_store_that_opens(
    tmp_path: Path,
    memory: MemoryKeyring,
    monkeypatch: pytest.MonkeyPatch,
    moment: str,
    was_in_keyring: bool,
) -> None:
    home = tmp_path / "home"
    filled(home)
    if was_in_keyring:
        a_store(home).rekey(None, to_keyring=True)

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as crashing:
        where: Any = SecretFile if moment == "_write" else secret_file
        crashing.setattr(where, moment, crash)
        with pytest.raises(KeyboardInterrupt):
            a_store(home).rekey(None, to_keyring=True)
    assert a_store(home).read("ALPHA") == VALUE
    assert a_store(home).rekey(None, to_keyring=True) == 2
    assert a_store(home).read("ALPHA") == VALUE
    assert (SERVICE, NEXT_ENTRY) not in memory.kept


def test_a_mission_reads_a_secret_of_the_keyring(tmp_path: Path, memory: MemoryKeyring) -> None:
    memory.kept["mail", "robot"] = "value-of-the-keyring"
    declared = [DeclaredSecret("A", "keyring:mail/robot"), DeclaredSecret("B", "keyring:mail/x")]
    found = MissionSecrets(
        declared, open_store=lambda: a_store(tmp_path), environ={}, folder=tmp_path
    )
    assert found.read("A") == b"value-of-the-keyring"
    with pytest.raises(SecretMissingError):
        found.read("B")
    memory.is_locked = True
    with pytest.raises(UnavailableError, match="it is locked"):
        found.read("A")


KILLED = """
import os, shutil, signal, sys
from pathlib import Path
import cryptography.hazmat.primitives.ciphers.aead, cryptography.hazmat.primitives.kdf.hkdf
import cryptography.hazmat.primitives.kdf.argon2
from storage.file import keyring_key, secret_file, secret_key
from storage.file.secret_file import SecretFile
from storage.file.secret_key import KeySource, PassphraseCost

whole, phrase, kind, every = Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
secret_file.new_cost = lambda: PassphraseCost(salt="ab" * 16, memory_kib=32, iterations=1, lanes=1)
keyring_key._package = lambda: None

def store(home):
    environ = {"MISSION_PASSPHRASE_FILE": phrase}
    return SecretFile(home, KeySource(folder=home / "keys", environ=environ))

def dies_at(line):
    count = 0
    def trace(frame, event, _):
        nonlocal count
        if not frame.f_code.co_filename.endswith(
            ("secret_file.py", "secret_key.py", "private_file.py")
        ):
            return None
        count += event == "line"
        if count == line:
            os.kill(os.getpid(), signal.SIGKILL)
        return trace
    return trace

line = 0
while True:
    line += every
    home = whole.parent / "copy"
    shutil.rmtree(home, ignore_errors=True)
    shutil.copytree(whole, home)
    child = os.fork()
    if child == 0:
        sys.settrace(dies_at(line))
        store(home).rekey(Path(phrase).read_text() if kind == "passphrase" else None)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    assert store(home).read("ALPHA") == b"sesame-open", line
    assert store(home).rekey(None) == 2, line
    assert store(home).read("ALPHA") == b"sesame-open", line
    if os.WIFEXITED(status):
        assert os.WEXITSTATUS(status) == 0
        break
print(line)
"""


@pytest.mark.parametrize("kind", ["key file", "passphrase"])
@pytest.mark.parametrize("every", [5, pytest.param(1, marks=pytest.mark.slow)])
def test_a_change_of_keys_killed_at_any_line_leaves_a_store_that_opens(
    tmp_path: Path, kind: str, every: int
) -> None:
    """Without the slow test at every fifth line."""
    filled(tmp_path / "home")
    phrase = tmp_path / "phrase"
    phrase.write_text("correct horse battery staple")
    done = subprocess.run(
        [sys.executable, "-c", KILLED, tmp_path / "home", phrase, kind, str(every)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 100, "so many lines were killed at"
