"""What a process used or uses of the machine, in words."""

from collections.abc import Mapping

from core.domain.state_word import counted
from core.ports.executor import JobUsage
from core.value.duration import duration_text
from tui.words.numbers import size


def resources_text(used: Mapping[str, int] | None) -> str:
    """Return processor time and peaks of an attempt's processes; empty where not recorded."""
    if used is None:
        return ""
    parts = []
    times = [used.get("user_ms"), used.get("system_ms")]
    known = [time for time in times if isinstance(time, int)]
    if known:
        parts.append(f"CPU {duration_text(sum(known) / 1000)}")
    peak = used.get("peak_memory_bytes")
    if isinstance(peak, int):
        parts.append(f"peak {size(peak)}")
    total = used.get("peak_total_memory_bytes")
    if isinstance(total, int):
        parts.append(f"peak of all together {size(total)}")
    most = used.get("peak_processes")
    if isinstance(most, int):
        parts.append(f"at most {counted(most, 'process', 'processes')}")
    return ", ".join(parts)


def usage_text(usage: JobUsage) -> str:
    """Return what a job uses now; 100% of CPU is one processor. It is left out while unknown."""
    parts = [] if usage.cpu_share is None else [f"CPU {round(usage.cpu_share * 100)}%"]
    memory = f"memory {size(usage.memory_bytes)}"
    return ", ".join([*parts, memory, counted(usage.processes, "process", "processes")])
