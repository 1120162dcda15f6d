"""Verifies an evidence bundle: run `python3 verify.py` in its folder. Needs the program `openssl`.

The exit code is 0 if all is as it was signed, 8 if something is not, 2 if openssl is missing.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO

OUTSIDE = {"README.md", "verify.py"}
DER = bytes.fromhex("302a300506032b6570032100")  # stands before an Ed25519 key (RFC 8410)
DAMAGED = (ValueError, LookupError, TypeError, AttributeError, RecursionError, OSError)
READ_BYTES = 1 << 20


class Check:
    """Checks the files that `open_file` opens; `is_signed` takes key, message and signature."""

    def __init__(
        self, names: Iterable[str], open_file: Callable[[str], IO[bytes]], is_signed: IsSigned
    ) -> None:
        self.names, self.open_file, self.is_signed = set(names), open_file, is_signed
        self.problems: list[tuple[str, str]] = []
        self.keys: dict[bytes, str] = {}
        self.sums: dict[str, str] = {}
        self.place = "SHA256SUMS"
        self.signed_by, self.head = "no known key", "none"
        self.events = self.executions = self.sealed = 0

    def run(self) -> list[tuple[str, str]]:
        """Return (file, problem) of everything that is not as it was signed."""
        for part in (self._check_files, self._check_signature, self._check_events):
            try:
                part()
            except DAMAGED as error:
                self._add(self.place, f"cannot be read: {type(error).__name__}: {error}"[:200])
                break
        return self.problems

    def _add(self, name: str, text: str) -> None:
        self.problems.append((name, text))

    def _read(self, name: str) -> bytes:
        self.place = name
        with self.open_file(name) as file:
            return file.read()

    def _check_files(self) -> None:
        lines = self._read("SHA256SUMS").decode().split("\n")
        self.sums = {line[66:]: line[:64] for line in lines[:-1]}
        if lines != [*(f"{digest}  {name}" for name, digest in sorted(self.sums.items())), ""]:
            self._add("SHA256SUMS", "is no sorted list of digests and names")
        listed = self.names - OUTSIDE - {"SHA256SUMS", "bundle.note"}
        for name in sorted(listed ^ set(self.sums)):
            self._add(name, "is not part of the bundle" if name in listed else "is missing")
        for name in sorted(listed & set(self.sums)):
            found = hashlib.sha256()
            with self.open_file(name) as file:
                while data := file.read(READ_BYTES):
                    found.update(data)
            if found.hexdigest() != self.sums[name]:
                self._add(name, "was changed: its digest is not the one that was signed")

    def _check_signature(self) -> None:
        for name in sorted(one for one in self.names if one.endswith(".vkey")):
            vkey = self._read(name).decode().strip()
            key = key_of(vkey)
            self.keys[key] = vkey
            if base64.b64encode(DER + key) not in self._read(name.replace(".vkey", ".pem")):
                self._add(name, "is not the key of the PEM file beside it")
        (origin, self.execution_id, digest), self.signed_by = self._open_note("bundle.note")
        self.log, _, kind = origin.partition("#")
        if kind != "bundle" or sha256(self._read("SHA256SUMS")).hex() != digest:
            self._add("SHA256SUMS", "is not the list that was signed")

    def _open_note(self, name: str) -> tuple[list[str], str]:
        """Return the lines of a note (https://c2sp.org/signed-note) and the key that signed it."""
        text, _, lines = self._read(name).decode().rpartition("\n\n")
        found = ""
        for line in lines.split("\n")[:-1]:
            dash, signer, encoded = line.split(" ")
            raw = base64.b64decode(encoded)
            if (dash, base64.b64encode(raw).decode()) != ("\u2014", encoded) or lines[-1] != "\n":
                raise ValueError(f"{name} is no signed note")
            for key, vkey in self.keys.items():
                key_id = sha256(f"{signer}\n\x01".encode() + key)[:4]
                if raw[:4] == key_id and signer == text.split("\n")[0].partition("#")[0]:
                    if not self.is_signed(key, f"{text}\n".encode(), raw[4:]):
                        raise ValueError(f"the signature of {name} is wrong")
                    found = found or vkey
        if not found:
            raise ValueError(f"{name} is not signed by a key of the bundle")
        return text.split("\n"), found

    def _tree(self, name: str) -> tuple[int, bytes]:
        (origin, size, root), _ = self._open_note(name)
        if origin != self.log:
            raise ValueError(f"{name} is of another log")
        return int(size), base64.b64decode(root)

    def _check_events(self) -> None:
        size, root = self._tree("checkpoint.note")
        self.head = f"{size}:{root.hex()}"
        bodies = self._read("events.ndjson").split(b"\n")[:-1]
        proofs = json.loads(self._read("proofs.json"))
        ends: dict[str, tuple[int, str, str]] = {}
        for number, body in enumerate(bodies):
            event, leaf = json.loads(body), sha256(b"\0" + body)
            path, seq = proofs["inclusion"][number], event["seq"]
            if not proves(path, seq - 1, size, root, leaf):
                self._add("events.ndjson", f"event {seq} is not in the signed tree")
            if not number and key_of(event["details"]["vkey"]) not in self.keys:
                self._add("events.ndjson", "names another key for the log than those in keys/")
            if (execution := event["execution_id"]) is not None:
                count, end, _ = ends.get(execution, (0, event["exec_previous_hash"], ""))
                if (event["exec_seq"], event["exec_previous_hash"]) != (count + 1, end):
                    self._add("events.ndjson", f"event {seq} does not follow the one before it")
                ends[execution] = (count + 1, leaf.hex(), event["type"])
        if self.execution_id not in ends:
            self._add("events.ndjson", f"has no event of execution {self.execution_id}")
        for execution, (_, _, last) in ends.items():
            old, old_root = self._tree(seal := f"executions/{execution}/seal.note")
            if not proves(proofs["consistency"][execution], old - 1, size, root, None, old_root):
                self._add(seal, "is not continued by the tree that was signed later")
            if last != "execution.finalized":
                self._add("events.ndjson", f"lacks the end of execution {execution}")
        named = {one.decode() for body in bodies for one in re.findall(rb"[0-9a-f]{64}", body)}
        self.sealed = sum(digest in named for digest in self.sums.values())
        for name, digest in self.sums.items():
            if name.startswith(("missions/", "artifacts/")) and digest not in named:
                self._add(name, "is not named by any event")
        self.events, self.executions = len(bodies), len(ends)


def proves(
    path: list[str], index: int, size: int, root: bytes, leaf: bytes | None, old: bytes = b""
) -> bool:
    """Check a proof of inclusion of `leaf`, or of consistency with the old tree up to `index`."""
    nodes, is_inside = [bytes.fromhex(one) for one in path], 0 <= index < size
    if leaf is None:
        return is_inside and roots(nodes, index + 1, size, old) == (old, root) and not nodes
    return is_inside and path_root(nodes, index, size, leaf) == root and not nodes


def path_root(path: list[bytes], index: int, size: int, found: bytes) -> bytes:
    """Return the root that an inclusion proof leads to (RFC 6962, 2.1.1), using up the path."""
    if size == 1:
        return found
    node, half = path.pop(), 1 << (size - 1).bit_length() - 1
    if index < half:
        return sha256(b"\1" + path_root(path, index, half, found) + node)
    return sha256(b"\1" + node + path_root(path, index - half, size - half, found))


def roots(path: list[bytes], old: int, size: int, known: bytes) -> tuple[bytes, bytes]:
    """Return the old and the new root of a consistency proof (RFC 6962, 2.1.2)."""
    if old == size:
        return (known or path.pop(),) * 2
    node, half = path.pop(), 1 << (size - 1).bit_length() - 1
    if old <= half:
        first, second = roots(path, old, half, known)
        return first, sha256(b"\1" + second + node)
    first, second = roots(path, old - half, size - half, b"")
    return sha256(b"\1" + node + first), sha256(b"\1" + node + second)


def sha256(data: bytes) -> bytes:
    """Return the digest of data."""
    return hashlib.sha256(data).digest()


def key_of(vkey: str) -> bytes:
    """Return the Ed25519 key of NAME+ID+BASE64."""
    return base64.b64decode(vkey.split("+", 2)[2])[1:]


def openssl(key: bytes, message: bytes, signature: bytes) -> bool:
    """Tell whether openssl accepts a signature."""
    with tempfile.TemporaryDirectory() as folder:
        for name, data in ("key", DER + key), ("message", message), ("signature", signature):
            Path(folder, name).write_bytes(data)
        command = "openssl pkeyutl -verify -pubin -keyform DER -rawin -inkey key -in message"
        words = [*command.split(), "-sigfile", "signature"]
        return subprocess.run(words, cwd=folder, capture_output=True, check=False).returncode == 0


def main() -> int:
    """Verify the folder of this file, and print the result."""
    if not shutil.which("openssl"):
        print("NOT VERIFIED: the program openssl is missing")
        return 2
    folder = Path(__file__).resolve().parent
    names = [str(one.relative_to(folder)) for one in folder.rglob("*") if not one.is_dir()]
    check = Check(names, lambda name: (folder / name).open("rb"), openssl)
    for name, text in check.run():
        print(f"{name!a} {text!a}")
    files = f"files: {len(check.sums)}, named by events: {check.sealed}"
    counted = f"events: {check.events}, executions: {check.executions}, {files}"
    print("MODIFIED" if check.problems else f"INTACT: {counted}")
    if any(name.startswith("anchors/") for name in names):
        print("the anchors are as they were signed; README.md says how to verify what they prove")
    print(f"head {check.head}\nsigned by {check.signed_by}: compare it with the key you know")
    return 8 if check.problems else 0


IsSigned = Callable[[bytes, bytes, bytes], bool]
if __name__ == "__main__":
    sys.exit(main())
