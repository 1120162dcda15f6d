"""Which executor runs processes on this machine."""

from core.executors.local import HAS_LINUX_WAYS, LocalExecutor


def platform_executor() -> LocalExecutor:
    """Return the executor of a runner: supervised on Linux, by process groups elsewhere.

    The runner must have no other child processes: it adopts what a killed supervisor has left.
    """
    if not HAS_LINUX_WAYS:
        return LocalExecutor(portable=True)
    from core.executors.supervised.supervised_executor import SupervisedExecutor

    return SupervisedExecutor(adopts=True)
