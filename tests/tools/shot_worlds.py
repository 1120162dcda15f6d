"""The made-up worlds that the pictures of README and docs are taken of."""

from collections.abc import Callable
from dataclasses import dataclass

from core.domain.events import ExecutionStateChanged
from core.domain.mission import Mission, MissionConfig, Param, ParamType, RetryPolicy
from core.domain.reasons import Reason
from core.domain.records import LogStream, TaskError
from core.domain.states import ExecutionState, TaskState
from tests.support.tui import FakeBackend, FakeWorld, busy_world, mission_of, nightly, step


@dataclass(frozen=True, slots=True)
class Stage:
    """A world behind its backend, and the execution to open."""

    backend: FakeBackend
    run: str


Staging = Callable[[], Stage]


def release() -> Mission:
    """A mission with parameters, for the launch form and the run that is watched."""
    params = (
        Param(
            name="target",
            type=ParamType.CHOICE,
            choices=("staging", "production"),
            default="staging",
            description="where to",
        ),
        Param(name="tag", required=True, pattern="^v[0-9.]+$", description="what to release"),
        Param(name="notify", type=ParamType.BOOLEAN, default=True),
    )
    tests = [f"test-{name}" for name in ("api", "auth", "cli", "search", "store")]
    builds = [f"build-{name}" for name in ("amd64", "arm64", "wheel")]
    again = RetryPolicy(max_attempts=3, initial_interval=5)
    steps = (
        step("checkout", name="Fetch the tag"),
        step("lint", "checkout", name="Look for slips"),
        *(step(one, "checkout", name=f"Test {one[5:]}", retry=again) for one in tests),
        *(step(one, "lint", name=f"Build for {one[6:]}") for one in builds),
        step("sign", *builds, name="Sign what was built"),
        step("ship", "sign", *tests, name="Ship it", timeout_seconds=600),
        step("smoke", "ship", name="Ask the new one"),
        step("announce", "smoke", name="Tell everybody", when="{{ params.notify }}"),
    )
    return mission_of(
        "release",
        *steps,
        params=params,
        config=MissionConfig(parallel_limit=4),
        description="Test, build and ship a tag",
    )


def a_busy_night() -> Stage:
    """A nightly run that is retrying one step while another has failed for good."""
    world, run = busy_world()
    world.begin(run, "fetch-12")
    return Stage(FakeBackend(world, nightly(), release()), run)


def a_release_under_way() -> Stage:
    """A release in the middle: some of it done, a flaky test retried, the rest to come."""
    world = FakeWorld()
    mission = release()
    params = {"target": "staging", "tag": "v2.4.0", "notify": True}
    for seconds in (412, 388, 455, 401):
        earlier = world.launch(mission, params=params)
        for mission_step in mission.steps:
            world.begin(earlier, mission_step.id)
            shares = 4 if mission_step.id.startswith("build-") else 1
            world.clock.forward(shares * seconds / (len(mission.steps) + 9))
            world.end(earlier, mission_step.id)
        world.execution(earlier, ExecutionState.SUCCESS, Reason.ALL_STEPS_DONE)
    world.clock.forward(3600)
    run = world.launch(mission, params=params, source_path="/missions/release.yaml")
    world.begin(run, "checkout")
    world.clock.forward(4.2)
    world.end(run, "checkout")
    for one in ("lint", "test-api", "test-auth", "test-cli"):
        world.begin(run, one)
    world.clock.forward(31)
    for one in ("lint", "test-api"):
        world.end(run, one)
    world.begin(run, "build-amd64")
    world.begin(run, "build-arm64")
    world.say(run, "test-auth", "connection reset by peer", stream=LogStream.STDERR)
    told = "attempt 2 of 3 in 75 s after exit code 1 (EXIT_NONZERO)"
    world.end(run, "test-auth", exit_code=1, retry_in=75, message=told)
    world.begin(run, "test-search")
    world.clock.forward(17)
    world.end(run, "test-cli")
    for part, pause in (("api", 3.1), ("core", 7.4), ("storage", 6.2), ("tui", 8.8)):
        world.say(run, "build-amd64", f"compiling release-{part} v2.4.0 (amd64)")
        world.clock.forward(pause)
    world.say(run, "build-amd64", "warning: unused import `retry`", stream=LogStream.STDERR)
    world.clock.forward(2.5)
    world.say(run, "build-amd64", "linking release v2.4.0 (amd64), optimised")
    world.clock.forward(1.5)
    return Stage(FakeBackend(world, mission), run)


def a_failed_release() -> Stage:
    """A release that failed after one that was good: another tag, and a test that says more."""
    world = FakeWorld()
    mission = release()
    for tag, broken in (("v2.3.9", None), ("v2.4.0", "test-auth")):
        params = {"target": "staging", "tag": tag, "notify": True}
        run = world.launch(mission, params=params, source_path="/missions/release.yaml")
        for one in mission.steps:
            world.begin(run, one.id)
            world.clock.forward(64 if one.id == "build-amd64" and broken else 12)
            world.say(run, one.id, f"{one.id} of {tag}: ready")
            if one.id == broken:
                words = ("login: expected 200, got 503", "1 of 48 tests failed")
                world.say(run, one.id, *words, stream=LogStream.STDERR)
                world.end(run, one.id, exit_code=1)
                break
            outputs = {"commit": "9f3c2ab" if broken else "5be10d4"}
            world.end(run, one.id, outputs=outputs if one.id == "checkout" else None)
        state = ExecutionState.FAILED if broken else ExecutionState.SUCCESS
        world.execution(run, state, Reason.STEP_FAILED if broken else Reason.ALL_STEPS_DONE)
        world.clock.forward(86_400)
    return Stage(FakeBackend(world, mission), run)


def sky_survey() -> Mission:
    """1,738 steps with the shape of the Montage workflow: three bands, each stitched and viewed."""
    steps = []
    tables = []
    for band in ("j", "h", "k"):
        project = [f"{band}-project-{n}" for n in range(80)]
        fit = [f"{band}-difffit-{n}" for n in range(414)]
        background = [f"{band}-background-{n}" for n in range(80)]
        steps += [step(one) for one in project]
        steps += [
            step(one, project[n % 80], project[(n % 80 + 1 + n // 80) % 80])
            for n, one in enumerate(fit)
        ]
        steps += [step(f"{band}-concat", *fit), step(f"{band}-model", f"{band}-concat")]
        steps += [step(one, project[n], f"{band}-model") for n, one in enumerate(background)]
        steps += [
            step(f"{band}-table", *background),
            step(f"{band}-add", f"{band}-table"),
            step(f"{band}-view", f"{band}-add"),
        ]
        tables.append(f"{band}-add")
    steps.append(step("colour-view", *tables))
    return mission_of("sky-survey", *steps, config=MissionConfig(parallel_limit=16))


def a_failed_survey() -> Stage:
    """1,738 steps of which one failed, and stopped the rest."""
    world = FakeWorld()
    mission = sky_survey()
    run = world.launch(mission)
    broken = "h-difffit-231"
    band = [one.id for one in mission.steps if one.id.startswith(("j-", "h-project", "h-diff"))]
    for task_id in band[: band.index(broken)]:
        world.begin(run, task_id)
        world.clock.forward(0.9)
        world.end(run, task_id)
    world.begin(run, broken, command="mDiffFit", args=["-t", "tile-12.fits", "tile-73.fits"])
    world.say(run, broken, "reading tile-12.fits", "reading tile-73.fits")
    world.clock.forward(2.7)
    words = ("tile-73.fits: NAXIS2 is missing", "the header of tile 73 is damaged")
    world.say(run, broken, *words, stream=LogStream.STDERR)
    error = TaskError(
        message="exit code 3", kind="ExitCode", stack_trace="\n".join(words), exit_code=3
    )
    world.end(run, broken, exit_code=3, error=error)
    tasks = world.runs[run].snapshot.tasks
    for task_id, task in list(tasks.items()):
        if task.state is TaskState.PENDING:
            why = f"`{broken}` failed"
            world.task(run, task_id, TaskState.SKIPPED, Reason.FAIL_FAST, why)
    world.execution(run, ExecutionState.FAILED, Reason.STEP_FAILED)
    return Stage(FakeBackend(world, mission), run)


def a_runaway() -> Stage:
    """Polling that finds no end, with a queue behind it."""
    world = FakeWorld()
    names = [f"shard-{n:02}" for n in range(1, 25)]
    polls = [step(f"poll-{name}", "open", name=f"Wait for {name}") for name in names[:4]]
    loads = [step(f"load-{name}", f"poll-{names[n % 4]}") for n, name in enumerate(names)]
    mission = mission_of(
        "backfill", step("open"), *polls, *loads, config=MissionConfig(parallel_limit=4)
    )
    run = world.launch(mission)
    world.run_step(run, "open")
    for one in polls:
        world.begin(run, one.id)
    for number in range(1, 40):
        world.clock.forward(87)
        world.say(run, "poll-shard-01", f"poll {number * 29}: not ready, asking again in 3 s")
    return Stage(FakeBackend(world, mission), run)


def a_shared_screen() -> Stage:
    """What several people run: a question, a lost runner, a failure, a run, and what has ended."""
    world, run = busy_world()
    world.begin(run, "fetch-12")
    deliver = release()
    for target, tag in (("staging", "v2.3.0"), ("production", "v2.3.1")):
        params = {"target": target, "tag": tag, "notify": True}
        one = world.launch(
            deliver, params=params, actor="grace", source_path="/missions/release.yaml"
        )
        world.begin(one, "checkout")
        world.say(one, "checkout", "Cloning into 'release'...", "remote: Counting objects: 812")
        world.clock.forward(4)
        if target == "staging":
            world.end(one, "checkout")
            for later in deliver.steps[1:]:
                world.run_step(one, later.id)
            world.execution(one, ExecutionState.SUCCESS, Reason.ALL_STEPS_DONE)
        else:
            _fail_checkout(world, one, deliver)
        world.clock.forward(140)
    deploy = mission_of(
        "deploy", step("build"), step("promote", "build", step_type="approval"),
        step("roll", "promote"), description="Build, ask, and roll out",
    )  # fmt: skip
    asks = world.launch(deploy)
    world.run_step(asks, "build")
    world.begin(asks, "promote", approvers=["ada", "grace"])
    question = "Promote build 812 to production?"
    world.task(asks, "promote", TaskState.WAITING, Reason.AWAITING_APPROVAL, question)
    world.clock.forward(192)
    lost = world.launch(mission_of("backup", step("dump"), step("ship", "dump")), actor="cron")
    world.run_step(lost, "dump")
    _end(world, lost, ExecutionState.PAUSED, Reason.RUNNER_LOST, "its runner (pid 4711) is gone")
    world.clock.forward(61)
    return Stage(FakeBackend(world, nightly(), deliver, deploy), run)


def _fail_checkout(world: FakeWorld, run: str, mission: Mission) -> None:
    line = "ConnectionError: tag v2.3.1 not found on origin"
    trace = ("Traceback (most recent call last):", '  File "fetch.py", line 12, in <module>', line)
    world.say(run, "checkout", *trace, stream=LogStream.STDERR)
    error = TaskError(message="exit 3", kind="ProcessFailed", stack_trace=line, exit_code=3)
    world.end(run, "checkout", exit_code=3, error=error)
    for later in mission.steps[1:]:
        world.task(run, later.id, TaskState.SKIPPED, Reason.UPSTREAM_FAILED)
    sentence = f"`checkout`: exit 3: {line}"
    _end(world, run, ExecutionState.FAILED, Reason.STEP_FAILED, sentence)


def _end(world: FakeWorld, run: str, state: ExecutionState, reason: Reason, message: str) -> None:
    world.commit(
        ExecutionStateChanged(
            at=world.clock.now(),
            execution_id=run,
            from_state=ExecutionState.RUNNING,
            to_state=state,
            reason_code=reason,
            message=message,
        )
    )
