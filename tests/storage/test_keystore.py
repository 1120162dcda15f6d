import os
import socket
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from core.audit.format.key import decode_vkey
from core.errors import UnavailableError
from storage.file.keystore import load_or_create_signer, public_keys, revoke_key, revoked_keys

CREATE = """
import sys
from pathlib import Path
from storage.file.keystore import load_or_create_signer
sys.stdin.readline()
print(load_or_create_signer(Path(sys.argv[1])).public_key.hex())
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "home" / "keys"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_first_use_makes_a_key_that_the_next_one_loads(folder: Path) -> None:
    signer = load_or_create_signer(folder)
    again = load_or_create_signer(folder)
    assert again.public_key == signer.public_key
    signature = again.sign(b"message")
    Ed25519PublicKey.from_public_bytes(signer.public_key).verify(signature, b"message")
    assert signer.verifier.verify(b"message", signature)
    assert [key.public_key for key in public_keys(folder)] == [signer.public_key]


def test_the_files_are_private_and_of_standard_formats(folder: Path) -> None:
    previous = os.umask(0)
    try:
        signer = load_or_create_signer(folder)
    finally:
        os.umask(previous)
    private = folder / "audit.pem"
    assert mode(private) == 0o600
    assert mode(folder) == 0o700
    key = load_pem_private_key(private.read_bytes(), password=None)
    assert isinstance(key, Ed25519PrivateKey)
    assert key.public_key().public_bytes_raw() == signer.public_key
    public = folder / f"audit-{signer.verifier.key_id.hex()}.vkey"
    assert decode_vkey(public.read_text().strip()).public_key == signer.public_key
    assert {path.name for path in folder.iterdir()} == {private.name, public.name}


def test_a_strict_umask_does_not_lock_the_owner_out(folder: Path) -> None:
    previous = os.umask(0o777)
    try:
        folder.parent.mkdir()
        folder.parent.chmod(0o700)
        folder.mkdir()
        folder.chmod(0o700)
        load_or_create_signer(folder)
    finally:
        os.umask(previous)
    assert mode(folder / "audit.pem") == 0o600


def test_a_lost_public_file_comes_back(folder: Path) -> None:
    load_or_create_signer(folder)
    for path in folder.glob("*.vkey"):
        path.unlink()
    assert public_keys(folder) == []
    load_or_create_signer(folder)
    assert len(public_keys(folder)) == 1


def test_keys_that_were_current_before_stay_trusted(folder: Path) -> None:
    old = load_or_create_signer(folder)
    (folder / "audit.pem").unlink()
    new = load_or_create_signer(folder)
    assert {key.public_key for key in public_keys(folder)} == {old.public_key, new.public_key}


def test_no_folder_means_no_trusted_keys(folder: Path) -> None:
    assert public_keys(folder) == []
    assert not folder.exists()


def test_threads_that_create_at_once_get_the_same_key(folder: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = {signer.public_key for signer in pool.map(load_or_create_signer, [folder] * 16)}
    assert len(found) == 1
    assert len(list(folder.iterdir())) == 2


def test_processes_that_create_at_once_get_the_same_key(folder: Path) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", CREATE, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    found = {process.communicate()[0].strip() for process in processes}
    assert [process.returncode for process in processes] == [0] * 4
    assert found == {load_or_create_signer(folder).public_key.hex()}


@pytest.mark.parametrize("bits", [0o640, 0o604, 0o620, 0o666])
def test_a_private_key_open_to_others_is_refused_with_the_way_out(folder: Path, bits: int) -> None:
    load_or_create_signer(folder)
    (folder / "audit.pem").chmod(bits)
    with pytest.raises(UnavailableError, match="open to others") as caught:
        load_or_create_signer(folder)
    assert "chmod 600" in (caught.value.hint or "")


def test_a_public_key_others_can_write_is_refused(folder: Path) -> None:
    load_or_create_signer(folder)
    for path in folder.glob("*.vkey"):
        path.chmod(0o666)
    with pytest.raises(UnavailableError, match="open to others"):
        public_keys(folder)


def test_a_folder_others_can_write_is_refused(folder: Path) -> None:
    load_or_create_signer(folder)
    folder.chmod(0o777)
    for use in (load_or_create_signer, public_keys):
        with pytest.raises(UnavailableError, match="others can write"):
            use(folder)


def test_a_symbolic_link_in_place_of_the_key_is_not_followed(folder: Path, tmp_path: Path) -> None:
    load_or_create_signer(folder)
    (folder / "audit.pem").rename(tmp_path / "elsewhere.pem")
    (folder / "audit.pem").symlink_to(tmp_path / "elsewhere.pem")
    with pytest.raises(UnavailableError, match="symbolic link"):
        load_or_create_signer(folder)
    (folder / "audit.pem").unlink()
    (folder / "audit.pem").symlink_to(tmp_path / "nowhere.pem")
    with pytest.raises(UnavailableError, match="symbolic link"):
        load_or_create_signer(folder)
    assert not (tmp_path / "nowhere.pem").exists()


def test_what_is_no_regular_file_is_refused_without_waiting_for_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.mkdir(parents=True, mode=0o700)
    os.mkfifo(folder / "audit.pem", 0o600)
    with pytest.raises(UnavailableError, match="not a regular file"):
        load_or_create_signer(folder)
    (folder / "audit.pem").unlink()
    (folder / "audit.pem").mkdir(mode=0o700)
    with pytest.raises(UnavailableError):
        load_or_create_signer(folder)
    (folder / "audit.pem").rmdir()
    with socket.socket(socket.AF_UNIX) as server:
        monkeypatch.chdir(folder)  # the path of a socket is limited to 107 bytes
        server.bind("audit.pem")
        with pytest.raises(UnavailableError):
            load_or_create_signer(folder)


def _pem(key: PrivateKeyTypes, encryption: KeySerializationEncryption) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


@pytest.mark.parametrize("content", ["empty", "text", "cut", "encrypted", "curve", "huge"])
def test_a_file_that_is_not_our_kind_of_key_is_refused_and_kept(folder: Path, content: str) -> None:
    load_or_create_signer(folder)
    path = folder / "audit.pem"
    key = load_pem_private_key(path.read_bytes(), password=None)
    data = {
        "empty": b"",
        "text": b"hello\n\xff",
        "cut": path.read_bytes()[:60],
        "encrypted": _pem(key, BestAvailableEncryption(b"secret")),
        "curve": _pem(ec.generate_private_key(ec.SECP256R1()), NoEncryption()),
        "huge": path.read_bytes() + b"x" * 20_000,
    }[content]
    path.write_bytes(data)
    with pytest.raises(UnavailableError):
        load_or_create_signer(folder)
    assert path.read_bytes() == data


@pytest.mark.parametrize("data", [b"", b"nonsense", b"\xff\xfe", b"a+b+c", b"x" * 20_000])
def test_a_damaged_public_key_is_named(folder: Path, data: bytes) -> None:
    load_or_create_signer(folder)
    (folder / "audit-00000000.vkey").write_bytes(data)
    with pytest.raises(UnavailableError, match="audit-00000000"):
        public_keys(folder)


def test_a_folder_that_cannot_be_made_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(UnavailableError, match="cannot be used"):
        load_or_create_signer(tmp_path / "file" / "keys")
    with pytest.raises(UnavailableError, match="cannot be used"):
        load_or_create_signer(tmp_path / "file")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_key_or_folder_of_another_user_is_refused(folder: Path) -> None:
    load_or_create_signer(folder)
    os.chown(folder / "audit.pem", 12345, -1)
    with pytest.raises(UnavailableError, match="belongs to "):
        load_or_create_signer(folder)
    os.chown(folder, 12345, -1)
    with pytest.raises(UnavailableError, match="belongs to "):
        load_or_create_signer(folder)


def test_importing_the_keystore_does_not_load_cryptography() -> None:
    code = (
        "import sys, storage.file.keystore, core.audit.verify.verify;"
        " print('cryptography' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_key_is_read_without_the_general_reader_of_keys(folder: Path) -> None:
    load_or_create_signer(folder)
    code = (
        "import sys; from pathlib import Path; from storage.file.keystore import load_signer\n"
        "print(load_signer(Path(sys.argv[1])).public_key.hex())\n"
        "print('cryptography.hazmat.primitives.serialization' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, folder], capture_output=True, text=True, check=True
    )
    written = load_pem_private_key((folder / "audit.pem").read_bytes(), None)
    assert isinstance(written, Ed25519PrivateKey)
    assert done.stdout.split() == [written.public_key().public_bytes_raw().hex(), "False"]


def test_a_key_in_another_notation_of_the_same_format_is_read(folder: Path) -> None:
    signer = load_or_create_signer(folder)
    path = folder / "audit.pem"
    first, code, last = path.read_text().splitlines()
    path.write_text("\r\n".join([first, code[:40], code[40:], last, ""]))
    assert load_or_create_signer(folder).public_key == signer.public_key


def test_a_signer_does_not_show_its_key(folder: Path) -> None:
    signer = load_or_create_signer(folder)
    assert "PRIVATE" not in repr(signer)
    assert not hasattr(signer, "__dict__")


def test_a_revoked_key_is_not_trusted_whatever_else_lies_there(folder: Path) -> None:
    signer = load_or_create_signer(folder)
    (public,) = folder.glob("*.vkey")
    text = public.read_bytes()
    revoke_key(folder, signer.verifier, "lent to \x1b[31mnobody")
    assert not public.exists()
    public.write_bytes(text)  # as after a kill between the two files
    public.chmod(0o644)
    assert public_keys(folder) == []
    assert [(one.key, one.reason) for one in revoked_keys(folder)] == [
        (signer.verifier, "lent to \x1b[31mnobody")
    ]
    with pytest.raises(UnavailableError, match="was revoked"):
        load_or_create_signer(folder)
    (file,) = folder.glob("*.revoked")
    for damaged in (b"", b"{}", b'{"vkey": "x", "reason": "y"}', b"\xff"):
        file.write_bytes(damaged)
        with pytest.raises(UnavailableError, match="is damaged"):
            public_keys(folder)
