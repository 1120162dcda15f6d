"""The secret store: what is stored opens, and nothing in the file can be changed unnoticed."""

import stat
from pathlib import Path

import pytest
from msgspec.structs import replace

from core.errors import UnavailableError
from core.ports.secrets import SecretMissingError
from core.security.sealed_secret import SealedSecretError, open_sealed
from storage.file import secret_key
from storage.file.secret_file import SecretFile
from storage.file.secret_key import KEY_FILE, NEXT_KEY_FILE, KeySource, find_key

VALUE = b"sesame-open"


def a_store(home: Path, **environ: str) -> SecretFile:
    """Return the store of a home folder; nobody can be asked for a passphrase."""
    return SecretFile(home, KeySource(folder=home / "keys", environ=environ))


def filled(home: Path) -> SecretFile:
    """Return a store with two secrets."""
    home.mkdir(mode=0o700)
    store = a_store(home)
    assert store.set("ALPHA", VALUE, created_at=1, is_masked=True)
    assert not store.set("BETA", b"\x00\xff" * 20, created_at=2, is_masked=True)
    return store


def test_what_is_stored_is_read_by_another_process(tmp_path: Path) -> None:
    home = tmp_path / "home"
    filled(home)
    store = a_store(home)
    assert store.read("ALPHA") == VALUE
    assert store.read("BETA") == b"\x00\xff" * 20
    assert store.missing(("BETA", "GAMMA", "ALPHA")) == ("GAMMA",)
    with pytest.raises(SecretMissingError):
        store.read("GAMMA")
    assert VALUE not in (home / "secrets.json").read_bytes()
    for name in ("secrets.json", "keys/secrets.key"):
        assert stat.S_IMODE((home / name).stat().st_mode) == 0o600


def test_a_new_value_is_a_new_version(tmp_path: Path) -> None:
    store = filled(tmp_path / "home")
    store.set("ALPHA", b"another value", created_at=3, is_masked=True)
    assert [(entry.name, entry.version) for entry in store.entries()] == [("ALPHA", 2), ("BETA", 1)]
    assert store.read("ALPHA") == b"another value"
    store.remove("ALPHA")
    assert a_store(tmp_path / "home").missing(("ALPHA",)) == ("ALPHA",)


@pytest.mark.parametrize("every", [7, pytest.param(1, marks=pytest.mark.slow)])
def test_every_bit_that_is_flipped_is_noticed(tmp_path: Path, every: int) -> None:
    """Without the slow test every seventh bit, which are bits of every byte."""
    home = tmp_path / "home"
    filled(home)
    file = home / "secrets.json"
    data = file.read_bytes()
    for place in range(0, 8 * len(data), every):
        at, bit = divmod(place, 8)
        file.write_bytes(data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :])
        with pytest.raises(UnavailableError):
            a_store(home).read("ALPHA")
    for size in range(1, len(data), every):
        file.write_bytes(data[:size])
        with pytest.raises(UnavailableError):
            a_store(home).read("ALPHA")


def test_entries_cannot_be_swapped_even_by_whoever_has_the_proof(tmp_path: Path) -> None:
    home = tmp_path / "home"
    store = filled(home)
    key, content = store._verified()
    alpha, beta = content.secrets
    for forged in (
        replace(alpha, data=beta.data, wrapped_key=beta.wrapped_key),
        replace(alpha, name="BETA"),
        replace(alpha, version=2),
        replace(alpha, is_masked=False),
        replace(alpha, created_at=7),
    ):
        with pytest.raises(SealedSecretError):
            open_sealed(key, content.store_id, forged)
    with pytest.raises(SealedSecretError):
        open_sealed(key, "another store", alpha)


def test_a_lost_or_wrong_key_is_said(tmp_path: Path) -> None:
    home = tmp_path / "home"
    filled(home)
    (home / "keys" / KEY_FILE).write_text("ab" * 32 + "\n")
    with pytest.raises(UnavailableError, match="needs the key"):
        a_store(home).read("ALPHA")
    (home / "keys" / KEY_FILE).write_text("nonsense\n")
    with pytest.raises(UnavailableError, match="hexadecimal"):
        a_store(home).read("ALPHA")
    (home / "keys" / KEY_FILE).unlink()
    with pytest.raises(UnavailableError, match="is not here"):
        a_store(home).read("ALPHA")


def test_a_key_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    home = tmp_path / "home"
    filled(home)
    (home / "keys" / KEY_FILE).chmod(0o644)
    with pytest.raises(UnavailableError, match="open to others"):
        a_store(home).read("ALPHA")


def test_a_credential_comes_before_the_key_file(tmp_path: Path) -> None:
    home, credentials = tmp_path / "home", tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "missiondeck.key").write_text("cd" * 32)
    home.mkdir(mode=0o700)
    store = a_store(home, CREDENTIALS_DIRECTORY=str(credentials))
    assert not store.set("ALPHA", VALUE, created_at=1, is_masked=True), "no key file is made"
    assert not (home / "keys" / KEY_FILE).exists()
    assert a_store(home, CREDENTIALS_DIRECTORY=str(credentials)).read("ALPHA") == VALUE
    with pytest.raises(UnavailableError):
        a_store(home).read("ALPHA")


def test_rekeying_keeps_the_values_and_ends_the_old_key(tmp_path: Path) -> None:
    home = tmp_path / "home"
    store = filled(home)
    old = (home / "keys" / KEY_FILE).read_text()
    assert store.rekey(None) == 2
    assert (home / "keys" / KEY_FILE).read_text() != old
    assert a_store(home).read("ALPHA") == VALUE


def test_a_passphrase_takes_the_place_of_the_key_file(tmp_path: Path) -> None:
    home = tmp_path / "home"
    filled(home).rekey("correct horse battery staple")
    assert not (home / "keys" / KEY_FILE).exists()
    with pytest.raises(UnavailableError, match="passphrase"):
        a_store(home).read("ALPHA")
    (tmp_path / "phrase").write_text("correct horse battery staple\n")
    store = a_store(home, MISSION_PASSPHRASE_FILE=str(tmp_path / "phrase"))
    assert store.read("ALPHA") == VALUE
    (tmp_path / "phrase").write_text("wrong\n")
    with pytest.raises(UnavailableError, match="needs the key"):
        a_store(home, MISSION_PASSPHRASE_FILE=str(tmp_path / "phrase")).read("ALPHA")


@pytest.mark.parametrize("moment", ["before the store", "after the store"])
def test_a_crash_while_rekeying_leaves_a_store_that_opens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    home = tmp_path / "home"
    store = filled(home)

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    if moment == "before the store":
        monkeypatch.setattr(SecretFile, "_write", crash)
    else:
        monkeypatch.setattr("storage.file.secret_file.promote_key_file", crash)
    with pytest.raises(KeyboardInterrupt):
        store.rekey(None)
    monkeypatch.undo()
    assert (home / "keys" / NEXT_KEY_FILE).exists()
    assert a_store(home).read("ALPHA") == VALUE
    with monkeypatch.context() as again:
        again.setattr(SecretFile, "_write", crash)
        with pytest.raises(KeyboardInterrupt):
            a_store(home).rekey(None)
    assert a_store(home).read("ALPHA") == VALUE
    assert a_store(home).rekey(None) == 2
    assert a_store(home).read("ALPHA") == VALUE


def test_a_key_found_nowhere_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secret_key, "keyring_keys", list)
    assert find_key(KeySource(folder=tmp_path / "none", environ={}), None) is None


def test_a_linked_store_is_refused(tmp_path: Path) -> None:
    home = tmp_path / "home"
    filled(home)
    (home / "secrets.json").rename(tmp_path / "elsewhere")
    (home / "secrets.json").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UnavailableError, match="symbolic link"):
        a_store(home).read("ALPHA")
