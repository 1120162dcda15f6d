"""`limits` and `stop` of a mission file: what they mean for a step, and what is refused."""

import pytest

from core.domain.process_policy import ProcessLimits, StopPolicy, StopSignal, limits_over, stop_over
from core.mission_file.load import load_mission

HEAD = 'version: "1.0"\nname: m\n'


def steps(*lines: str) -> str:
    return "steps:\n" + "".join(f"  - {line}\n" for line in lines)


def test_limits_and_stop_arrive_in_config_and_step() -> None:
    loaded = load_mission(
        HEAD
        + "config: {limits: {file_mb: 100, nice: 5}, stop: {grace: 1m}}\n"
        + steps(
            "{id: a, name: a, step_type: command, parameters: {command: ls},"
            " limits: {cpu_seconds: 60, memory_mb: 512, open_files: 64, processes: 9, nice: 0},"
            " stop: {signal: INT}}"
        )
    )

    assert loaded.mission is not None, loaded.diagnostics
    config, step = loaded.mission.config, loaded.mission.steps[0]
    assert config.limits == ProcessLimits(file_mb=100, nice=5)
    assert config.stop == StopPolicy(grace=60.0)
    assert limits_over(step.limits, config.limits) == ProcessLimits(
        cpu_seconds=60, memory_mb=512, open_files=64, processes=9, file_mb=100, nice=0
    )
    assert stop_over(step.stop, config.stop) == StopPolicy(signal=StopSignal.INT, grace=60.0)


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ("limits: {cpu: 5}", "unknown key `cpu` in `limits`"),
        ("limits: {cpu_seconds: 0}", "`cpu_seconds` must be between 1 and"),
        ("limits: {cpu_seconds: 1.5}", "`cpu_seconds` must be a whole number"),
        ("limits: {open_files: 7}", "`open_files` must be between 8 and"),
        ("limits: {nice: -1}", "`nice` must be between 0 and 19"),
        ("limits: 5", "`limits` must be a mapping"),
        ("stop: {signal: STOP}", "`signal` must be one of TERM, INT"),
        ("stop: {grace: soon}", "`grace`"),
    ],
)
def test_wrong_values_are_refused_in_words(step: str, message: str) -> None:
    one = f"{{id: a, name: a, step_type: command, parameters: {{command: ls}}, {step}}}"

    loaded = load_mission(HEAD + steps(one))

    assert any(message in found.message for found in loaded.diagnostics), loaded.diagnostics


@pytest.mark.parametrize("key", ["limits: {nice: 1}", "stop: {grace: 1s}"])
def test_a_step_that_runs_no_process_takes_neither(key: str) -> None:
    loaded = load_mission(HEAD + steps(f"{{id: a, name: a, step_type: noop, {key}}}"))

    assert [found.message for found in loaded.diagnostics] == [
        f"`{key.split(':')[0]}` is for steps that run a process, and noop runs none"
    ]
