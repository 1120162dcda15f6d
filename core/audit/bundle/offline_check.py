"""Verifies an evidence bundle: run `python3 verify.py` in its folder. Needs the program openssl."""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import IO, Any

OUTSIDE = {"README.md", "verify.py", "SHA256SUMS", "bundle.note"}  # not in the list of digests
DAMAGED = (ValueError, LookupError, TypeError, AttributeError, RecursionError, OSError)
Open = Callable[[str], IO[bytes]]
IsSigned = Callable[[str, bytes, bytes], bool]  # key as NAME+ID+BASE64, message, signature
Problem = tuple[str, str]  # file, and what is wrong with it


def problems(names: set[str], opened: Open, is_signed: IsSigned, told: Any) -> Iterator[Problem]:
    """Yield what is not as it was signed; the dictionary `told` takes what was found."""

    def read(name: str) -> bytes:
        told["file"] = name
        with opened(name) as file:
            return file.read()

    def note(name: str, kind: str = "") -> tuple[str, str]:
        """Return what a note (https://c2sp.org/signed-note) by the key of its time says."""
        origin, first, second, blank, line, end = read(name).decode().split("\n")
        vkey = [vkey for size, vkey in keys if kind or size <= int(first)][-1]
        signature = b64decode(line.split(" ")[-1])[4:]
        encoded = b64encode(bytes.fromhex(vkey.split("+")[1]) + signature).decode()
        expected = (f"{log}{kind}", "", f"\u2014 {log} {encoded}", "")
        text = f"{origin}\n{first}\n{second}\n".encode()
        if (origin, blank, line, end) != expected or not is_signed(vkey, text, signature):
            raise ValueError("the key that the log had then has not signed it")
        return first, second

    # 1. The files are those of the list.
    sums = {line[66:]: line[:64] for line in read("SHA256SUMS").decode().split("\n")[:-1]}
    for name in sorted(sums.keys() ^ (names - OUTSIDE)):
        yield name, "is missing" if name in sums else "is not part of the bundle"
    for name in sorted(sums.keys() & names):
        found = sha256()
        with opened(name) as file:
            while data := file.read(1 << 20):
                found.update(data)
        if found.hexdigest() != sums[name]:
            yield name, "was changed: its digest is not the one that was signed"
    # 2. The events of each execution follow one another, and so do the keys of the log.
    nodes = {(i, n): bytes.fromhex(node) for i, n, node in json.loads(read("proofs.json"))["tree"]}
    bodies = read("events.ndjson").split(b"\n")[:-1]
    created = json.loads(bodies[0])
    log, keys = f"missiondeck/{created['log_id']}", [(1, created["details"]["vkey"])]
    ends: dict[str, tuple[int, str, str]] = {}  # by execution: number, hash and type of the last
    for body in bodies:
        event, leaf = json.loads(body), sha256(b"\0" + body)
        seq, details, execution = event["seq"], event["details"], event["execution_id"]
        if nodes.setdefault((seq - 1, 1), leaf.digest()) != leaf.digest():
            yield "events.ndjson", f"event {seq} is not the only one of its number"
        if event["type"] == "key.rotated":
            old, new, head = keys[-1][1], details["new"], root(nodes, 0, seq - 1).hex()
            text = f"{log}#rotation\n{old}\n{new}\n{seq - 1}:{head}\n".encode()
            for vkey, name in (old, "signed_by_old"), (new, "signed_by_new"):
                if not is_signed(vkey, text, b64decode(details[name])):
                    yield "events.ndjson", f"event {seq} does not hand the log over to a key"
            keys.append((seq + 1, new))
        if execution is not None:
            number, end, _ = ends.get(execution, (0, "0" * 64, ""))
            if (event["exec_seq"], event["exec_previous_hash"]) != (number + 1, end):
                yield "events.ndjson", f"event {seq} does not follow the one before it"
            ends[execution] = (number + 1, leaf.hexdigest(), event["type"])
    digests = {one.decode() for body in bodies for one in re.findall(rb"[0-9a-f]{64}", body)}
    named = [name for name in sums if sums[name] in digests]
    for name in sorted(sums.keys() - named):
        if name.startswith(("missions/", "artifacts/")):
            yield name, "is not named by any event"
    for name in (name for name in sums if name.startswith("keys/")):
        if not any(k.encode() in read(name) or b64encode(der(k)) in read(name) for _, k in keys):
            yield name, "is no key of the log"
    # 3. The key of the log has signed the list, and trees of these events and nothing else.
    subject, digest = note("bundle.note", "#bundle")
    if digest != sha256(read("SHA256SUMS")).hexdigest():
        yield "SHA256SUMS", "is not the list that was signed"
    if subject not in ends or any(kind != "execution.finalized" for _, _, kind in ends.values()):
        yield "events.ndjson", "lacks an execution or the end of one"
    for name in (*(f"executions/{one}/seal.note" for one in ends), "checkpoint.note"):
        size, signed_root = note(name)
        if root(nodes, 0, int(size)) != b64decode(signed_root):
            yield name, "is of another tree than that of the events"
    if [*(first for first, _ in sorted(nodes)), int(size)] != [0, *map(sum, sorted(nodes))]:
        yield "proofs.json", "does not fill the tree between the events"
    head = f"{size}:{b64decode(signed_root).hex()}"
    told.update(keys=keys, events=len(bodies), ends=ends, sums=sums, named=named, head=head)


def root(nodes: dict[tuple[int, int], bytes], first: int, size: int) -> bytes:
    """Return the root over `size` leaves from leaf `first` on (RFC 6962, 2.1)."""
    if (first, size) in nodes:
        return nodes[first, size]
    half = 1 << (size - 1).bit_length() - 1
    both = root(nodes, first, half) + root(nodes, first + half, size - half)
    return sha256(b"\1" + both).digest()


def der(vkey: str) -> bytes:
    """Return the Ed25519 key of NAME+ID+BASE64 as openssl reads it (RFC 8410)."""
    return bytes.fromhex("302a300506032b6570032100") + b64decode(vkey.split("+", 2)[2])[1:]


def openssl(vkey: str, message: bytes, signature: bytes) -> bool:
    """Tell whether openssl accepts a signature."""
    command = "openssl pkeyutl -verify -rawin -pubin -keyform DER -inkey key -in text -sigfile sig"
    with tempfile.TemporaryDirectory() as folder:
        for name, data in ("key", der(vkey)), ("text", message), ("sig", signature):
            Path(folder, name).write_bytes(data)
        return not subprocess.run(command.split(), cwd=folder, capture_output=True).returncode


def main() -> int:
    """Verify the folder of this file; return 0 if it is intact, 8 if not, 2 without openssl."""
    if not shutil.which("openssl"):
        print("NOT VERIFIED: the program openssl is missing")
        return 2
    folder = Path(__file__).resolve().parent
    names = {str(one.relative_to(folder)) for one in folder.rglob("*") if not one.is_dir()}
    found, told = list[Problem](), dict[str, Any]()
    try:
        found.extend(problems(names, lambda name: (folder / name).open("rb"), openssl, told))
    except DAMAGED as error:
        found.append((told["file"], f"cannot be verified: {error!a}"[:200]))
    for name, text in found:
        print(f"{name!a} {text!a}")
    if found:
        print("MODIFIED")
        return 8
    print(f"INTACT: events: {told['events']}, executions: {len(told['ends'])}", end=", ")
    print(f"files: {len(told['sums'])}, named by events: {len(told['named'])}")
    for size, vkey in told["keys"]:
        print(f"signed from event {size} on by {vkey}: compare it with the key that you know")
    print(f"head {told['head']}; README.md says how to verify anchors, and what this proves")
    return 0


if __name__ == "__main__":
    sys.exit(main())
