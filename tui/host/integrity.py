"""Whether what a run has written lies in the file: the check behind `integrity_verified`."""

from core.audit.chain.sub_chain_check import is_intact
from storage.read.audit_source import SqliteChainSource
from tui.host.places import Paths


def is_execution_intact(paths: Paths, execution_id: str) -> bool:
    """Read an execution's sealed events back from the database and verify them among themselves."""
    source = SqliteChainSource(paths.db, ())
    try:
        return is_intact(source.sub_chain(execution_id), execution_id)
    finally:
        source.close()
