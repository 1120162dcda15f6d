"""Three hosts in network namespaces: one is killed, another cut off, and the link is slow.

Needs root and `ip` (iproute2). Its names are its own: `mdt0` to `mdt2` and the bridge `mdtbr`.
"""

import asyncio
import datetime as dt
import ipaddress
import json
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

pytest.importorskip("distributed", reason="needs missiondeck[dask]")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        os.geteuid() != 0 or shutil.which("ip") is None, reason="needs root and ip (iproute2)"
    ),
]

BIN = Path(sys.executable).parent
NET = "10.78.0"
HOSTS = 3
STEPS = 120


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)


@pytest.fixture
def network() -> Iterator[None]:
    """Give each host a namespace and an address, on one bridge with this machine."""
    made = subprocess.run(["ip", "link", "add", "mdtbr", "type", "bridge"], check=False)
    if made.returncode:
        pytest.skip("no network can be made here")
    try:
        ip("addr", "add", f"{NET}.1/24", "dev", "mdtbr")
        ip("link", "set", "mdtbr", "up")
        for host in range(HOSTS):
            ip("netns", "add", f"mdt{host}")
            ip("link", "add", f"mdtv{host}", "type", "veth", "peer", "name", f"mdtp{host}")
            ip("link", "set", f"mdtp{host}", "netns", f"mdt{host}")
            ip("link", "set", f"mdtv{host}", "master", "mdtbr", "up")
            ip("-n", f"mdt{host}", "addr", "add", f"{NET}.{10 + host}/24", "dev", f"mdtp{host}")
            ip("-n", f"mdt{host}", "link", "set", f"mdtp{host}", "up")
            ip("-n", f"mdt{host}", "link", "set", "lo", "up")
        yield
    finally:
        for host in range(HOSTS):
            subprocess.run(["ip", "netns", "del", f"mdt{host}"], check=False)
        subprocess.run(["ip", "link", "del", "mdtbr"], check=False)


def certificate(folder: Path) -> None:
    """Write a key and a certificate of its own for all addresses."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mission")])
    now = dt.datetime.now(dt.UTC)
    addresses = [f"{NET}.1", *(f"{NET}.{10 + host}" for host in range(HOSTS))]
    names = [x509.IPAddress(ipaddress.ip_address(one)) for one in addresses]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )


class Machines:
    """A scheduler on this machine, a worker on each host, and the environment to reach them."""

    def __init__(self, folder: Path) -> None:
        certificate(folder)
        self.folder = folder
        self.environ = {
            **os.environ,
            "MISSION_HOME": str(folder / "home"),
            "DASK_DISTRIBUTED__COMM__TLS__CA_FILE": str(folder / "cert.pem"),
            "DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": "30s",
        }
        for role in ("CLIENT", "WORKER", "SCHEDULER"):
            for what in ("CERT", "KEY"):
                name = f"DASK_DISTRIBUTED__COMM__TLS__{role}__{what}"
                self.environ[name] = str(folder / f"{what.lower()}.pem")
        self.started: list[subprocess.Popen[bytes]] = []
        self.start("dask", "scheduler", f"--host=tls://{NET}.1", "--port=8786", "--no-dashboard")
        self.workers = [
            self.start(
                *("ip", "netns", "exec", f"mdt{host}", str(BIN / "mission"), "worker", self.url),
                *(f"--host={NET}.{10 + host}", "--no-nanny", "--nthreads=4", "--no-dashboard"),
            )
            for host in range(HOSTS)
        ]

    @property
    def url(self) -> str:
        return f"tls://{NET}.1:8786"

    def start(self, *command: str) -> "subprocess.Popen[bytes]":
        own = BIN / command[0]
        program = str(own) if own.exists() else command[0]
        with (self.folder / f"{len(self.started)}.log").open("wb") as log:
            process = subprocess.Popen(
                [program, *command[1:]], stdout=log, stderr=log, env=self.environ, cwd=self.folder
            )
        self.started.append(process)
        return process

    def mission(self, *arguments: str) -> Any:
        found = subprocess.run(
            [str(BIN / "mission"), *arguments, "--json"],
            check=False,
            stdout=subprocess.PIPE,
            env=self.environ,
            cwd=self.folder,
        )
        return json.loads(found.stdout)

    def close(self) -> None:
        for process in reversed(self.started):
            process.kill()
            process.wait()


@pytest.fixture
def machines(network: None, tmp_path: Path) -> Iterator[Machines]:
    machines = Machines(tmp_path)
    yield machines
    machines.close()


def mission_file(folder: Path) -> Path:
    script = (
        'echo "$MISSION_JOB" >> begun; echo begin; sleep 1; echo end; echo "$MISSION_JOB" >> ended'
    )
    steps = [
        {
            "id": f"s{number}",
            "step_type": "command",
            "parameters": {"command": "sh", "args": ["-c", script]},
        }
        for number in range(STEPS)
    ]
    config = {"executor": "dask", "shared_folders": [str(folder)], "parallel_limit": 12}
    path = folder / "m.json"
    path.write_text(
        json.dumps({"version": "1.0", "name": "three", "config": config, "steps": steps})
    )
    return path


def slow_down(namespace: str, device: str) -> bool:
    """Limit the rate of a link to one megabyte a second; tell whether that is possible."""
    qdisc = ("qdisc", "add", "dev", device, "root", "tbf")
    rate = ("rate", "8mbit", "burst", "32kbit", "latency", "400ms")
    return not subprocess.run(["tc", "-n", namespace, *qdisc, *rate], check=False).returncode


def processes_in(host: int) -> list[str]:
    found = subprocess.run(
        ["ip", "netns", "pids", f"mdt{host}"], check=True, capture_output=True, text=True
    )
    return found.stdout.split()


async def test_a_mission_outlives_a_killed_and_a_partitioned_host(machines: Machines) -> None:
    file = mission_file(machines.folder)
    running = asyncio.create_task(
        asyncio.to_thread(machines.mission, "run", "--executor", f"dask={machines.url}", str(file))
    )
    begun, ended = machines.folder / "begun", machines.folder / "ended"
    async with asyncio.timeout(60):
        while not begun.exists() or len(begun.read_text().split()) < 20:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.05)

    machines.workers[0].send_signal(signal.SIGKILL)
    ip("link", "set", "mdtv1", "down")
    result = await asyncio.wait_for(running, 240)
    ip("link", "set", "mdtv1", "up")

    assert result["overall_status"] == "Success"
    shown = machines.mission("show", "@last")
    assert shown["state"] == "SUCCESS"
    assert machines.mission("audit", "verify")["verdict"] == "INTACT"
    starts = Counter(begun.read_text().split())
    assert max(starts.values()) == 1  # each attempt began once
    assert {key.split("/")[1] for key in ended.read_text().split()} == {
        f"s{number}" for number in range(STEPS)
    }
    assert len(processes_in(0)) == 0
    assert len(processes_in(1)) <= 2  # the worker and its supervisor, if they live


async def test_a_slow_link_delays_output_and_loses_none(machines: Machines) -> None:
    if not slow_down("mdt0", "mdtp0"):
        pytest.skip("the rate of a link cannot be limited here")
    size = 4_000_000
    step = {
        "id": "a",
        "step_type": "command",
        "parameters": {"command": "sh", "args": ["-c", f"head -c {size} /dev/zero | tr '\\0' x"]},
    }
    config = {"executor": "dask", "shared_folders": [str(machines.folder)]}
    file = machines.folder / "slow.json"
    mission = {"version": "1.0", "name": "slow", "config": config, "steps": [step]}
    file.write_text(json.dumps(mission))
    for worker in machines.workers[1:]:
        worker.kill()

    async with asyncio.timeout(120):
        result = await asyncio.to_thread(
            machines.mission, "run", "--executor", f"dask={machines.url}", str(file)
        )

    assert result["overall_status"] == "Success"
    [attempt] = machines.mission("show", "@last", "a")["attempts"]
    where = f"runs on {attempt['host']}, worker {attempt['worker']}\n"
    assert attempt["log_bytes"] == size + len(where)
