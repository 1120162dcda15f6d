"""Whether what a mission is to run on can be had, asked before anything is recorded."""

from core.domain.mission import ExecutorKind, MissionConfig
from core.operations.site import Site


def require_executor(site: Site, config: MissionConfig) -> None:
    """Raise what `Site.new_executor` raises, where there is a choice; nothing is started."""
    if config.executor is not ExecutorKind.LOCAL:
        site.new_executor(config)
