"""Opens the database for writing with its signing key, for commands that write."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from core.machine.system_clock import SystemClock
from core.ports.control import LEASE_SECONDS
from storage.file.keystore import load_or_create_signer, load_signer
from storage.file.slots import FileSlots
from storage.file.witness_file import WitnessFile
from storage.write.store import Store, open_store, require_signer
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
