"""What a bundle is made of, and the files in which it stands. Knows neither database nor zip."""

import base64
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib.resources import files
from typing import Final

from msgspec import Struct

from core.audit.bundle.anchor_proof import anchor_files
from core.audit.bundle.bundle_zip import Member, member
from core.audit.chain.key_history import LogKey
from core.audit.format.anchor_record import AnchorRecord
from core.audit.format.checkpoint import origin_of
from core.audit.format.key import KEY_ID_BYTES, decode_vkey, key_id
from core.audit.format.merkle_tree import MerkleTree
from core.audit.format.note import NoteError
from core.ports.clock import Signer

BUNDLE_SUFFIX: Final = "#bundle"
"""Follows the log's origin in the first line of what signs a bundle: it is no checkpoint."""
_DER_PREFIX: Final = bytes.fromhex("302a300506032b6570032100")
"""What the 32 bytes of an Ed25519 public key follow in its DER form (RFC 8410)."""
_DASH: Final = "\u2014"


class LogFile(Struct, frozen=True):
    """The stored output of one attempt in the form that its sealed digest is over.

    `parts` yields it each time that it is called.
    """

    execution_id: str
    position: int
    attempt: int
    size: int
    parts: Callable[[], Iterable[bytes]]

    @property
    def name(self) -> str:
        """Its place in the bundle; a step is named by its position, since ids may be any text."""
        return f"executions/{self.execution_id}/logs/{self.position:06}-{self.attempt:03}.log"


class ArtifactFile(Struct, frozen=True):
    """The content of artifacts by its SHA-256 (hex), which events name; `parts` as of a log."""

    digest: str
    size: int
    parts: Callable[[], Iterable[bytes]]

    @property
    def name(self) -> str:
        """Its place in the bundle."""
        return f"artifacts/{self.digest}"


class Artifacts(Struct, frozen=True):
    """The artifacts of a bundle: `listed` is each of them as JSON, `files` is their content.

    What is listed with `in_bundle` false has no content there.
    """

    listed: Sequence[Mapping[str, object]] = ()
    files: Sequence[ArtifactFile] = ()


NO_ARTIFACTS: Final = Artifacts()


class Content(Struct, frozen=True, kw_only=True):
    """One execution and its sub-missions as they are recorded.

    `leaves` are the hashes of all events of the log, `bodies` the (seq, bytes) of those that the
    bundle shows, in order, and `checkpoint` the signed note over all leaves. `seals` holds for each
    execution the size and note of the first checkpoint behind its last event. `missions` maps the
    SHA-256 of mission files to format and bytes. `keys` are those of the log, the oldest first; the
    events that name them are among `bodies`. `anchors` are those of the log that cover the
    executions, by the numbers of their events, which are among `bodies`.
    """

    log_id: str
    execution_id: str
    leaves: Iterable[bytes]
    bodies: Sequence[tuple[int, bytes]]
    checkpoint: bytes
    seals: Mapping[str, tuple[int, bytes]]
    missions: Mapping[str, tuple[str, bytes]]
    logs: Sequence[LogFile]
    keys: Sequence[LogKey]
    anchors: Mapping[int, AnchorRecord] = {}


def members(
    content: Content,
    results: Mapping[str, object],
    signer: Signer,
    artifacts: Artifacts = NO_ARTIFACTS,
) -> Iterator[Member]:
    """Yield the files of a bundle; `results` are the JSON documents of its executions by id."""
    tree = MerkleTree(content.leaves)
    sizes = {size for size, _ in content.seals.values()}
    sizes |= {key.first_size - 2 for key in content.keys[1:]}  # the heads in the rotations
    proofs = {
        "tree": [
            (first, count, node.hex())
            for first, count, node in tree.cover([seq - 1 for seq, _ in content.bodies], sizes)
        ],
        "anchors": {
            str(seq): _hex(tree.consistency_proof(anchor.size))
            for seq, anchor in content.anchors.items()
        },
    }
    found: list[Member] = [
        member("checkpoint.note", content.checkpoint),
        member("events.ndjson", b"".join(body + b"\n" for _, body in content.bodies)),
        member("proofs.json", _json(proofs)),
    ]
    for log_key in content.keys:
        key = decode_vkey(log_key.vkey)
        name = f"keys/{key.key_id.hex()}"
        found += [
            member(f"{name}.vkey", f"{key.vkey}\n".encode()),
            member(f"{name}.pem", public_pem(key.public_key)),
        ]
    for digest, (kind, data) in content.missions.items():
        found.append(member(f"missions/{digest}.{kind}", data))
    for execution_id, (_, note) in content.seals.items():
        folder = f"executions/{execution_id}"
        found += [
            member(f"{folder}/seal.note", note),
            member(f"{folder}/results.json", _json(results[execution_id])),
        ]
    for seq, anchor in content.anchors.items():
        found += anchor_files(content.log_id, seq, anchor)
    if artifacts.listed:
        found.append(member("artifacts.json", _json(artifacts.listed)))
    large: list[LogFile | ArtifactFile] = [*content.logs, *artifacts.files]
    found += [Member(one.name, one.size, one.parts()) for one in large]
    streamed = {one.name: one.parts for one in large}
    found = sorted((one for one in found if one.size), key=lambda one: one.name)
    sums = []
    for one in found:
        parts = streamed[one.name]() if one.name in streamed else one.parts
        sums.append(f"{_digest(parts)}  {one.name}\n")
    listed = "".join(sums).encode()
    own = files("core.audit.bundle")
    text = own.joinpath("bundle_readme.md").read_text(encoding="utf-8")
    yield member("README.md", text.replace("{execution_id}", content.execution_id).encode())
    yield member("verify.py", own.joinpath("offline_check.py").read_bytes())
    yield member("bundle.note", _sign(content, listed, signer))
    yield member("SHA256SUMS", listed)
    yield from found


def public_pem(public_key: bytes) -> bytes:
    """Return an Ed25519 public key as PEM (RFC 8410), as `openssl` reads it."""
    data = base64.b64encode(_DER_PREFIX + public_key).decode()
    return f"-----BEGIN PUBLIC KEY-----\n{data}\n-----END PUBLIC KEY-----\n".encode()


def _sign(content: Content, listed: bytes, signer: Signer) -> bytes:
    """Return the signed note over the list of digests; its key is named as the log's is."""
    if content.execution_id not in content.seals:
        raise NoteError("a bundle without the execution that it is about")
    origin = origin_of(content.log_id)
    digest = hashlib.sha256(listed).hexdigest()
    text = f"{origin}{BUNDLE_SUFFIX}\n{content.execution_id}\n{digest}\n"
    raw = key_id(origin, signer.public_key)[:KEY_ID_BYTES] + signer.sign(text.encode())
    return f"{text}\n{_DASH} {origin} {base64.b64encode(raw).decode()}\n".encode()


def _digest(parts: Iterable[bytes]) -> str:
    found = hashlib.sha256()
    for part in parts:
        found.update(part)
    return found.hexdigest()


def _hex(hashes: Iterable[bytes]) -> list[str]:
    return [one.hex() for one in hashes]


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=True, indent=1, sort_keys=True).encode() + b"\n"
