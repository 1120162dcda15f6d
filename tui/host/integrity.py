"""Verifies the stored events of one execution: the check behind `integrity_verified`."""

from core.audit.chain.sub_chain_check import is_intact
from storage.read.audit_source import SqliteChainSource
from tui.host.places import Paths


def is_execution_intact(paths: Paths, execution_id: str) -> bool:
    """Read the sealed events of an execution from the database and verify their sub-chain."""
    source = SqliteChainSource(paths.db, ())
    try:
        return is_intact(source.sub_chain(execution_id), execution_id)
    finally:
        source.close()
