"""Opens the database for writing with its signing key, for commands that write."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from core.audit.format.key import Verifier
from core.machine.system_clock import SystemClock
from core.ports.control import LEASE_SECONDS
from storage.file.anchors.witness_file import WitnessFile
from storage.file.keystore import (
    load_next_signer,
    load_or_create_signer,
    load_signer,
    promote_next_signer,
    rotation_lock,
    stage_next_signer,
)
from storage.file.slots import FileSlots
from storage.write.key_change import require_no_runner, rotate_key
from storage.write.store import Store, open_store, require_signer, signing_key
from tui.host.places import Paths


@asynccontextmanager
async def open_session(
    paths: Paths, clock: SystemClock, witness: Path | None = None
) -> AsyncIterator[Store]:
    """Open the database for writing; create it and its key on first use.

    `witness` is the witness file of its heads, if there is one. Raises `UnavailableError` when
    one of them cannot be used, or the key does not match the log.
    """
    if paths.has_database:
        finish_rotation(paths)
        require_signer(paths.db, load_signer(paths.keys))
    if not paths.home.exists():
        paths.home.mkdir(parents=True, mode=0o700)
    signer = load_or_create_signer(paths.keys)
    store = await open_store(
        paths.db,
        signer,
        clock=clock,
        lease_ttl_seconds=LEASE_SECONDS,
        witness=None if witness is None else WitnessFile(witness),
    )
    try:
        yield store
    finally:
        await store.close()


def finish_rotation(paths: Paths) -> None:
    """Put the staged key in place if a rotation was interrupted after the log was handed over.

    Raises `UnavailableError` for a key folder or database that cannot be used.
    """
    if load_next_signer(paths.keys) is None or not paths.has_database:
        return
    with rotation_lock(paths.keys):
        staged = load_next_signer(paths.keys)
        in_force = signing_key(paths.db)
        if staged and in_force and staged.public_key == in_force.public_key:
            promote_next_signer(paths.keys)


async def rotate_signing_key(
    paths: Paths, clock: SystemClock, actor: str, witness: Path | None = None
) -> tuple[Verifier, Verifier]:
    """Hand the log over to a new key and put it in place; return the old and the new public key.

    The new key is on the disk before the log names it, and replaces the old one after that: an
    interrupted rotation is finished, or leaves the old key in force. Raises `ConflictError` while
    a runner is at work, and the errors of `open_session`.
    """
    async with open_session(paths, clock, witness):
        pass  # the log continues its head, by the key that is here
    require_no_runner(paths.db, clock.now())
    with rotation_lock(paths.keys):
        old = load_or_create_signer(paths.keys)
        new = stage_next_signer(paths.keys)
        await rotate_key(paths.db, old, new, actor=actor, clock=clock)
        promote_next_signer(paths.keys)
    return old.verifier, new.verifier


async def migrate_database(paths: Paths) -> None:
    """Migrate a database of an older version; raises the errors of `open_session`."""
    async with open_session(paths, SystemClock()):
        return


def protected_paths(paths: Paths) -> tuple[Path, ...]:
    """Return the paths protected from file steps: folders of Mission Deck, database and keys.

    The key files are listed individually, so that hard links to them are recognised.
    """
    folders = dict.fromkeys((paths.home, paths.config.parent, paths.logs.parent, paths.keys))
    keys = tuple(paths.keys.iterdir()) if paths.keys.is_dir() else ()
    companions = (
        paths.db.with_name(f"{paths.db.name}{end}") for end in ("-wal", "-shm", ".reserve")
    )
    return (*folders, paths.db, *companions, paths.config, *keys)


def shared_slots(paths: Paths, limit: int | None) -> FileSlots | None:
    """Return the slots shared by all executions, None if no such limit is set."""
    return None if limit is None else FileSlots(paths.home / "slots", limit)
