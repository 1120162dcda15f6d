"""The authorities outside that are trusted to anchor logs, beside the audit keys.

    tsa-ID.pem        certificates of a time-stamping authority (PEM), ID of their SHA-256
    witness-ID.vkey   the public key of a witness (C2SP vkey of type 0x04)

They are trusted because they are in this folder, never because a log names them.
"""

import hashlib
import os
from pathlib import Path
from typing import Final

from msgspec import Struct

from core.audit.format.cosignature import Witness, decode_witness_vkey
from core.audit.format.key import InvalidKeyError
from core.errors import UnavailableError
from storage.file.private_file import create_whole, private_folder, read_checked

MAX_CERTIFICATES_BYTES: Final = 256 * 1024
_ID_CHARACTERS: Final = 16


class AnchorTrust(Struct, frozen=True):
    """Certificates (PEM) of time-stamping authorities, and witnesses."""

    certificates: tuple[bytes, ...] = ()
    witnesses: tuple[Witness, ...] = ()


def read_anchor_trust(folder: Path) -> AnchorTrust:
    """Return who is trusted in `folder`, in order of file name.

    Raises `UnavailableError` for a folder that others can write to, or for a damaged file.
    """
    if not folder.exists():
        return AnchorTrust()
    certificates: list[bytes] = []
    witnesses: list[Witness] = []
    with private_folder(folder, create=False) as directory:
        for name in sorted(os.listdir(directory)):  # noqa: PTH208 - of the folder that was checked
            is_witness = name.startswith("witness-") and name.endswith(".vkey")
            if not is_witness and not (name.startswith("tsa-") and name.endswith(".pem")):
                continue
            data = (
                read_checked(
                    directory, folder, name, secret=False, limit_bytes=MAX_CERTIFICATES_BYTES
                )
                or b""
            )
            if is_witness:
                witnesses.append(_witness(data, folder / name))
            else:
                certificates.append(data)
    return AnchorTrust(tuple(certificates), tuple(witnesses))


def trust_certificates(folder: Path, certificates: bytes) -> Path:
    """Trust an authority from now on; return its file."""
    return _keep(folder, certificates_file(certificates), certificates)


def certificates_file(certificates: bytes) -> str:
    """Return the name of the file that holds these certificates."""
    return f"tsa-{hashlib.sha256(certificates).hexdigest()[:_ID_CHARACTERS]}.pem"


def trust_witness(folder: Path, witness: Witness) -> Path:
    """Trust a witness from now on; return its file."""
    return _keep(folder, f"witness-{witness.key_id.hex()}.vkey", f"{witness.vkey}\n".encode())


def _keep(folder: Path, name: str, data: bytes) -> Path:
    with private_folder(folder, create=True) as directory:
        create_whole(directory, name, data, 0o644)
    return folder / name


def _witness(data: bytes, path: Path) -> Witness:
    try:
        return decode_witness_vkey(data.decode("ascii").removesuffix("\n"))
    except (InvalidKeyError, UnicodeDecodeError) as error:
        raise UnavailableError(
            f"the key file {path} of a witness is damaged: {error}",
            hint="restore it from a backup, or remove it to stop trusting that witness",
        ) from error
