"""The sites that tests of operations run against: a local one, and one in memory."""

from pathlib import Path

from msgspec import field

from core.planning.recovery import AssumeLost
from tests.support.memory_site import MemorySite, Runners
from tui.host.places import find_paths
from tui.host.site import LocalSite


class QuietSite(LocalSite, frozen=True, kw_only=True):
    """This machine's site in a folder of a test, whose runners are only noted down."""

    runners: Runners = field(default_factory=Runners)

    async def start_runner(
        self, execution_id: str, *, assume_lost: AssumeLost | None = None, is_launch: bool = False
    ) -> None:
        self.runners.start(execution_id)


def make_site(kind: str, folder: Path) -> QuietSite | MemorySite:
    """Return a new site of a kind: `local` or `memory`."""
    if kind == "memory":
        return MemorySite()
    environ = {"MISSION_HOME": str(folder), "MISSION_ACTOR": "tester@memory"}
    return QuietSite(paths=find_paths(environ), environ=environ)
