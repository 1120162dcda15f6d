"""The made-up world of the pictures of a fan-out: certificates renewed on 300 hosts."""

from core.domain.events import StepExpanded
from core.domain.mission import MissionConfig, RetryPolicy
from core.domain.reasons import Reason
from core.domain.records import LogStream, TaskError
from core.domain.states import ExecutionState, TaskState
from tests.support.tui import FakeBackend, FakeWorld, mission_of, step

HOSTS = 300
_REFUSED = "ConnectionError: {host}:8443 refused the connection"
_DISK = "OSError: [Errno 28] No space left on device: '/etc/ssl/{host}.pem'"
_CHAIN = "ssl.SSLError: the chain of web-117 ends in an unknown root"


def a_fleet(*, ended: bool = False) -> tuple[FakeBackend, str]:
    """A fan-out over 300 hosts under way, of which 33 failed, two in ways of their own."""
    world = FakeWorld()
    mission = mission_of(
        "renew-certificates",
        step("inventory"),
        step("order", "inventory"),
        step("renew", "order", foreach="{{ steps.inventory.output.hosts }}"),
        step("smoke-eu", "order", retry=RetryPolicy(max_attempts=5)),
        step("report", "renew", "smoke-eu"),
        step("notify", "report"),
        config=MissionConfig(parallel_limit=6, fail_fast=False),
    )
    hosts = tuple(f"web-{number:03}" for number in range(1, HOSTS + 1))
    for seconds in (200, 220):
        before = world.launch(mission)
        world.run_step(before, "inventory")
        world.run_step(before, "order")
        world.begin(before, "smoke-eu")
        world.clock.forward(40)
        world.end(before, "smoke-eu")
        world.clock.forward(seconds)
        world.execution(before, ExecutionState.SUCCESS, Reason.ALL_STEPS_DONE)
    run = world.launch(mission)
    world.run_step(run, "inventory", f"{HOSTS} hosts")
    world.run_step(run, "order")
    world.begin(run, "smoke-eu")
    world.say(run, "smoke-eu", "GET https://eu.example.org/health", "waiting for 200, got 503")
    world.task(run, "renew", TaskState.READY, Reason.DEPS_MET)
    world.commit(StepExpanded(at=world.clock.now(), execution_id=run, task_id="renew", items=hosts))
    until = HOSTS if ended else 214
    for number, host in enumerate(hosts[:until]):
        item = f"renew[{number}]"
        world.begin(run, item)
        world.clock.forward(0.6)
        line = _REFUSED if number % 7 == 3 else _DISK if number in (59, 61) else ""
        line = _CHAIN if number == 116 else line
        if line:
            _fail(world, run, item, line.format(host=host))
        else:
            world.end(run, item)
    if not ended:
        for number in range(until, until + 5):
            world.begin(run, f"renew[{number}]")
            world.say(run, f"renew[{number}]", "asking the authority", "challenge accepted")
        world.clock.forward(3)
    return FakeBackend(world, mission), run


def _fail(world: FakeWorld, run: str, item: str, line: str) -> None:
    world.say(run, item, "asking the authority")
    world.say(run, item, line, stream=LogStream.STDERR)
    error = TaskError(message="exit code 1", kind="ExitCode", stack_trace=line, exit_code=1)
    world.end(run, item, exit_code=1, error=error)
