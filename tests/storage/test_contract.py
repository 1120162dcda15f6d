"""SQLite's journal and control, and their twins in memory, keep the same promises."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.contract_control import ControlContract
from tests.support.contract_journal import JournalContract
from tests.support.store_world import MemoryWorldAdapter, SqliteWorld


@pytest.fixture(params=["sqlite", "memory"])
async def world(
    request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[SqliteWorld | MemoryWorldAdapter]:
    made = (
        SqliteWorld(tmp_path / "missions.db") if request.param == "sqlite" else MemoryWorldAdapter()
    )
    yield made
    await made.close()


class TestJournal(JournalContract):
    """The journal's contract."""


class TestControl(ControlContract):
    """The control's contract."""
