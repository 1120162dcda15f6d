"""Jobs as bytes that only one worker can read; knows nothing of how they travel.

A job is encrypted to the public key that its worker made when it started: X25519 with a key for
this job alone, HKDF-SHA256 over both public keys, ChaCha20-Poly1305 (RFC 7748, RFC 5869, RFC 8439).
So no value of a secret is in a task graph, in the memory of a scheduler or on its dashboard. It
does not protect against a scheduler that lies about keys: TLS says who that is.
"""

import os
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from msgspec import Struct, msgpack

from core.domain.process_policy import Leftovers, ProcessLimits, StopSignal
from core.ports.executor import Job, JobFile

KEY_BYTES = 32
_NONCE = bytes(12)
"""Each key encrypts one message only."""


class _JobRecord(Struct, frozen=True, array_like=True):
    """A job with its texts as bytes: a name of a file need not be UTF-8."""

    key: str
    argv: list[bytes]
    env: dict[bytes, bytes]
    cwd: bytes
    stdin: bytes | None
    file: tuple[bytes, bytes] | None
    grace_seconds: float
    stop_signal: StopSignal
    limits: ProcessLimits
    leftovers: Leftovers
    needs: dict[str, float]
    masked: tuple[tuple[str, bytes], ...]
    result_file: bytes | None
    private_folder: bytes | None
    reply_key: bytes
    private_files: dict[str, bytes]
    """The files in the private folder, by name: the worker has a folder of its own for them."""


_decode = msgpack.Decoder(_JobRecord).decode


class SentJob(Struct, frozen=True, kw_only=True):
    """A job from another machine, and the content of the files in its private folder.

    What only the runner may read is encrypted with the `reply_key`.
    """

    job: Job
    private_files: dict[str, bytes]
    reply_key: bytes


class JobReader:
    """Reads jobs that were sealed for the public key of this reader."""

    def __init__(self) -> None:
        self._private = X25519PrivateKey.generate()
        self.public_key = self._private.public_key().public_bytes_raw()

    def open(self, sealed: bytes) -> SentJob:
        """Return the job; raise `ValueError` for bytes that were not sealed for this reader."""
        theirs, data = sealed[:KEY_BYTES], sealed[KEY_BYTES:]
        shared = self._private.exchange(X25519PublicKey.from_public_bytes(theirs))
        cipher = ChaCha20Poly1305(_derive(shared, theirs, self.public_key))
        try:
            record = _decode(cipher.decrypt(_NONCE, data, None))
        except Exception as error:
            raise ValueError("the job was not sealed for this worker") from error
        return SentJob(
            job=_job(record), private_files=record.private_files, reply_key=record.reply_key
        )


def seal_job(job: Job, public_key: bytes, reply_key: bytes) -> bytes:
    """Return `job` as bytes for the reader with this public key."""
    own = X25519PrivateKey.generate()
    ours = own.public_key().public_bytes_raw()
    shared = own.exchange(X25519PublicKey.from_public_bytes(public_key))
    cipher = ChaCha20Poly1305(_derive(shared, ours, public_key))
    return ours + cipher.encrypt(_NONCE, msgpack.encode(_record(job, reply_key)), None)


def seal_reply(data: bytes, reply_key: bytes, number: int) -> bytes:
    """Return bytes for the runner alone; each `number` must be used once for a key."""
    return ChaCha20Poly1305(reply_key).encrypt(number.to_bytes(len(_NONCE), "big"), data, None)


def open_reply(sealed: bytes, reply_key: bytes, number: int) -> bytes:
    """Return what was sealed; raise `ValueError` for other bytes."""
    try:
        cipher = ChaCha20Poly1305(reply_key)
        return cipher.decrypt(number.to_bytes(len(_NONCE), "big"), sealed, None)
    except InvalidTag as error:
        raise ValueError("the bytes were not sealed for this runner") from error


def _derive(shared: bytes, sender: bytes, receiver: bytes) -> bytes:
    info = b"missiondeck job\0" + sender + receiver
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=info).derive(shared)


def _record(job: Job, reply_key: bytes) -> _JobRecord:
    file = job.file
    return _JobRecord(
        key=job.key,
        argv=[os.fsencode(word) for word in job.argv],
        env={os.fsencode(name): os.fsencode(value) for name, value in job.env.items()},
        cwd=os.fsencode(job.cwd),
        stdin=job.stdin,
        file=None if file is None else (os.fsencode(file.path), file.content),
        grace_seconds=job.grace_seconds,
        stop_signal=job.stop_signal,
        limits=job.limits,
        leftovers=job.leftovers,
        needs=dict(job.needs),
        masked=job.masked,
        result_file=None if job.result_file is None else os.fsencode(job.result_file),
        private_folder=None if job.private_folder is None else os.fsencode(job.private_folder),
        reply_key=reply_key,
        private_files={} if job.private_folder is None else _files_in(job.private_folder),
    )


def _files_in(folder: str) -> dict[str, bytes]:
    """Return the content of the files of a folder, by name; a pipe in it is none."""
    return {one.name: one.read_bytes() for one in Path(folder).iterdir() if one.is_file()}


def _job(record: _JobRecord) -> Job:
    file, folder = record.file, record.private_folder
    return Job(
        key=record.key,
        argv=tuple(os.fsdecode(word) for word in record.argv),
        env={os.fsdecode(name): os.fsdecode(value) for name, value in record.env.items()},
        cwd=os.fsdecode(record.cwd),
        stdin=record.stdin,
        file=None if file is None else JobFile(path=os.fsdecode(file[0]), content=file[1]),
        grace_seconds=record.grace_seconds,
        stop_signal=record.stop_signal,
        limits=record.limits,
        leftovers=record.leftovers,
        needs=record.needs,
        masked=record.masked,
        result_file=None if record.result_file is None else os.fsdecode(record.result_file),
        private_folder=None if folder is None else os.fsdecode(folder),
    )
