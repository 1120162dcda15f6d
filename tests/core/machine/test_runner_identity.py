"""Telling a live process from a dead one, from a reused pid, and from what cannot be seen."""

import subprocess
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

from core.errors import NotFoundError
from core.machine import runner_identity
from core.machine.runner_identity import identity, is_alive
from core.machine.system_clock import SystemClock


def test_this_process_is_alive_and_always_the_same() -> None:
    assert is_alive(identity()) is True
    assert identity() == identity()


def test_a_process_is_dead_when_it_has_ended_also_before_it_was_waited_for() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    one = identity(child.pid)
    assert is_alive(one) is True
    assert child.stdin is not None
    child.kill()
    child.stdin.close()
    while is_alive(one):
        pass
    assert is_alive(one) is False
    child.wait()
    assert is_alive(one) is False
    with pytest.raises(NotFoundError):
        identity(child.pid)


def test_a_reused_pid_does_not_pass() -> None:
    me = identity()
    assert is_alive(replace(me, start_time=me.start_time + 1)) is False


def test_a_reboot_ends_everything() -> None:
    me = identity()
    boot, _, namespace = me.boot_id.partition("/")
    assert is_alive(replace(me, boot_id=f"0{boot[1:]}x/{namespace}")) is False


def test_other_hosts_and_containers_cannot_be_seen() -> None:
    me = identity()
    assert is_alive(replace(me, host="elsewhere")) is None
    assert is_alive(replace(me, boot_id=f"{me.boot_id.partition('/')[0]}/1")) is None


def test_without_proc_only_absence_is_certain(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(runner_identity, "_PROC", tmp_path)
    runner_identity._has_proc.cache_clear()
    runner_identity._boot_id.cache_clear()
    try:
        me = identity()
        assert (me.start_time, me.boot_id) == (0, "")
        assert is_alive(me) is None
        assert is_alive(replace(me, pid=2**22 + 1)) is False
        with pytest.raises(NotFoundError):
            identity(2**22 + 1)
    finally:
        runner_identity._has_proc.cache_clear()
        runner_identity._boot_id.cache_clear()


def test_a_name_with_parentheses_and_spaces_is_no_obstacle(tmp_path: Path) -> None:
    program = tmp_path / "a) R 1 (b"
    program.symlink_to("/bin/sleep")
    child = subprocess.Popen([str(program), "60"])
    try:
        assert is_alive(identity(child.pid)) is True
    finally:
        child.kill()
        child.wait()


def test_the_wall_clock_rises_strictly_even_when_time_stands_still(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = SystemClock()
    found = [clock.now() for _ in range(1000)]
    assert found == sorted(set(found))
    monkeypatch.setattr("core.machine.system_clock.time.time_ns", lambda: 5)
    assert found[-1] < clock.now() < found[-1] + 60_000_000_000  # it goes on at its own pace
