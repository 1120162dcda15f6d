"""What the machine has left, from the files in which the kernel tells it."""

import asyncio
import os
import resource
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from core.machine import machine_pressure
from core.machine.machine_pressure import MachinePressure
from core.ports.pressure import Readings

MB = 1024 * 1024


def a_system(folder: Path, files: Mapping[str, str]) -> MachinePressure:
    """Return a gauge over files that stand for `/proc` and `/sys/fs/cgroup`."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return MachinePressure((), proc=folder / "proc", cgroups=folder / "cgroup")


def test_this_machine_can_be_measured(tmp_path: Path) -> None:
    found = MachinePressure((tmp_path,)).measure()

    (disk,) = found.disks
    assert disk.folder == str(tmp_path)
    assert disk.free_bytes == pytest.approx(
        os.statvfs(tmp_path).f_bavail * os.statvfs(tmp_path).f_frsize, abs=256 * MB
    )
    if sys.platform == "linux":
        assert found.free_memory_bytes is not None
        assert found.free_memory_bytes > 0
        soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        assert found.free_open_files is not None
        assert 0 < found.free_open_files < soft


def test_a_file_system_is_measured_once_and_a_missing_folder_not_at_all(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()

    found = MachinePressure((tmp_path / "gone", tmp_path, tmp_path / "below")).measure()

    assert [disk.folder for disk in found.disks] == [str(tmp_path)]


MEMINFO = "MemTotal: 9000 kB\nMemFree: 10 kB\nMemAvailable:    3072 kB\n"


V2_STAT = f"anon 5\ninactive_file {MB // 2}\nactive_file {MB // 4}\nslab_reclaimable {MB // 4}\n"
V1_STAT = f"inactive_file 1\ntotal_inactive_file {MB // 4}\ntotal_active_file {MB // 4}\n"


def test_the_memory_of_the_machine_is_what_is_available(tmp_path: Path) -> None:
    assert a_system(tmp_path, {"proc/meminfo": MEMINFO}).measure().free_memory_bytes == 3 * MB


def test_the_tightest_cgroup_above_counts_without_pages_that_can_be_dropped(
    tmp_path: Path,
) -> None:
    gauge = a_system(
        tmp_path,
        {
            "proc/meminfo": MEMINFO,
            "proc/self/cgroup": "0::/a/b\n",
            "cgroup/a/memory.max": str(10 * MB),
            "cgroup/a/memory.current": str(9 * MB),
            "cgroup/a/memory.stat": V2_STAT,
            "cgroup/a/b/memory.max": "max\n",
            "cgroup/a/b/memory.current": str(9 * MB),
            "cgroup/a/pids.max": "40\n",
            "cgroup/a/pids.current": "33\n",
        },
    )

    found = gauge.measure()

    assert found.free_memory_bytes == 2 * MB
    assert found.free_processes == 7


def test_cgroups_of_version_1_count_too(tmp_path: Path) -> None:
    gauge = a_system(
        tmp_path,
        {
            "proc/self/cgroup": "8:pids:/x\n4:memory:/host/path/unknown/here\n0::/\n",
            "cgroup/memory/memory.limit_in_bytes": str(8 * MB),
            "cgroup/memory/memory.usage_in_bytes": str(7 * MB),
            "cgroup/memory/memory.stat": V1_STAT,
            "cgroup/pids/x/pids.max": "20\n",
            "cgroup/pids/x/pids.current": "5\n",
        },
    )

    found = gauge.measure()

    assert found.free_memory_bytes == MB + MB // 2
    assert found.free_processes == 15


def test_a_cgroup_without_a_limit_is_none(tmp_path: Path) -> None:
    gauge = a_system(
        tmp_path,
        {
            "proc/self/cgroup": "4:memory:/\n0::/\n",
            "cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
            "cgroup/memory/memory.usage_in_bytes": "5\n",
            "cgroup/pids.max": "max\n",
            "cgroup/pids.current": "3\n",
        },
    )

    assert gauge.measure().free_memory_bytes is None
    assert gauge.measure().free_processes is None


def test_a_limit_of_processes_counts_the_threads_of_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (50, 60))
    user = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: user or 1)
    gauge = a_system(
        tmp_path,
        {
            "proc/loadavg": "0.1 0.2 0.3 1/400 99\n",
            "proc/12/status": "Name: a\nThreads:\t30\n",
            "proc/13/status": "Name: b\nThreads:\t4\n",
        },
    )
    if not user:
        for name in ("12", "13"):
            os.chown(tmp_path / "proc" / name, 1, -1)

    assert gauge.measure().free_processes == 50 - 34


async def test_a_measurement_that_hangs_holds_up_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gauge = MachinePressure((tmp_path,))
    release = threading.Event()
    begun: list[int] = []

    def hang() -> Readings:
        begun.append(1)
        release.wait(20)
        return Readings(free_open_files=1)

    monkeypatch.setattr(gauge, "measure", hang)
    monkeypatch.setattr(machine_pressure, "_HANG_SECONDS", 0.01)

    assert await gauge.read() == Readings()
    assert await gauge.read() == Readings()
    assert begun == [1]
    release.set()
    monkeypatch.setattr(machine_pressure, "_HANG_SECONDS", 20.0)
    while await gauge.read() == Readings():  # noqa: ASYNC110 - a gauge is polled, it has no event
        await asyncio.sleep(0)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_real_limit_of_descriptors_is_seen() -> None:
    code = (
        "import os, resource\n"
        "from core.machine.machine_pressure import MachinePressure\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))\n"
        "gauge = MachinePressure(())\n"
        "before = gauge.measure().free_open_files\n"
        "kept = [os.open('/dev/null', os.O_RDONLY) for _ in range(20)]\n"
        "print(before - gauge.measure().free_open_files)\n"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "20"
