"""Which executor runs the processes of a mission: that of this machine, or a Dask cluster."""

from importlib.util import find_spec

from core.domain.mission import ExecutorKind, MissionConfig
from core.errors import UnavailableError, UsageError
from core.ports.executor import Executor

CLUSTER_PREFIX = "dask="
"""Begins the name of a cluster; the address of its scheduler follows."""


def chosen_executor(setting: str | None, config: MissionConfig) -> Executor:
    """Return the executor for a mission; `setting` is what command line or settings say.

    Raises as `chosen_cluster`, and `UnavailableError` without the extra.
    """
    from core.executors.platform_executor import platform_executor

    cluster = chosen_cluster(setting, config)
    if cluster is None:
        return platform_executor()
    require_dask()
    from core.executors.dask.cluster_address import parse_cluster_address
    from core.executors.dask.dask_executor import DaskExecutor

    address = parse_cluster_address(cluster)
    return DaskExecutor(address, platform_executor(), shared=config.shared_folders)


def chosen_cluster(setting: str | None, config: MissionConfig) -> str | None:
    """Return the address of the cluster that a mission runs on, None for this machine.

    A mission that says `executor: local` runs here whatever `setting` says. Raises `UsageError` for
    an address that is none, `UnavailableError` for a mission that needs a cluster without one.
    """
    cluster = cluster_address(setting)
    if config.executor is ExecutorKind.LOCAL:
        return None
    if cluster is None and config.executor is not None:
        raise UnavailableError(
            "the mission runs on a Dask cluster, and none is named",
            hint="`mission run --executor dask=tls://HOST:8786`, or the setting `executor`",
        )
    return cluster


def cluster_address(setting: str | None) -> str | None:
    """Return the address in `dask=ADDRESS`, None for `local` and for no setting.

    Raises `UsageError` for anything else.
    """
    if setting is None or setting == ExecutorKind.LOCAL:
        return None
    address = setting.removeprefix(CLUSTER_PREFIX)
    if address == setting or not address:
        raise UsageError(f"`{setting}` is no executor", hint="`local`, or `dask=tls://HOST:8786`")
    return address


def require_dask() -> None:
    """Raise `UnavailableError` when the packages of the extra are not installed."""
    if find_spec("distributed") is None:
        raise UnavailableError(
            "running on a Dask cluster needs packages that are not installed",
            hint="pip install 'missiondeck[dask]'",
        )
