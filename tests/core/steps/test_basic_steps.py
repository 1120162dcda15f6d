"""noop, log, fail, wait, and the forms in which parameters may be written."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from core.domain.reasons import Reason
from core.domain.records import LogLevel
from core.domain.states import AttemptState
from core.step_type.parameter_types import parse_level
from core.step_type.registry import step_type
from tests.support.step_run import StepRunner
from tests.support.virtual_loop import run_virtually


@pytest.fixture
def steps(tmp_path: Path) -> StepRunner:
    return StepRunner(tmp_path)


def test_noop_succeeds_and_says_nothing(steps: StepRunner) -> None:
    outcome = steps.run("noop")

    assert (outcome.state, outcome.reason_code, outcome.output) == (
        AttemptState.SUCCESS,
        Reason.STEP_DONE,
        {},
    )
    assert steps.logs == []


def test_noop_logs_a_message_it_is_given(steps: StepRunner) -> None:
    steps.ok("noop", message="here", level="debug")

    assert steps.logs == [(LogLevel.DEBUG, "here")]


@pytest.mark.parametrize(
    ("message", "logged"),
    [
        ("hello [red]world[/]", "hello [red]world[/]"),
        (42, "42"),
        (True, "true"),
        (None, "null"),
        ({"a": ["é"]}, '{"a": ["é"]}'),
        ("", ""),
    ],
)
def test_log_writes_any_value_as_text(steps: StepRunner, message: Any, logged: str) -> None:
    output = steps.ok("log", message=message)

    assert steps.logs == [(LogLevel.INFO, logged)]
    assert output == {"message": logged, "level": "INFO"}


@pytest.mark.parametrize(
    ("word", "level"),
    [("warn", LogLevel.WARN), ("Warning", LogLevel.WARN), ("ERROR", LogLevel.ERROR)],
)
def test_levels_are_read_in_any_case(steps: StepRunner, word: str, level: LogLevel) -> None:
    steps.ok("log", message="x", level=word)

    assert steps.logs == [(level, "x")]
    assert parse_level(level) is level


def test_fail_fails_with_its_message(steps: StepRunner) -> None:
    outcome = steps.run("fail", message="the gate is closed")

    assert (outcome.state, outcome.reason_code, outcome.message) == (
        AttemptState.FAILED,
        Reason.STEP_ERROR,
        "the gate is closed",
    )
    assert outcome.error is not None
    assert outcome.error.kind == "Fail"
    assert steps.logs == [(LogLevel.ERROR, "the gate is closed")]


def test_fail_needs_no_message(steps: StepRunner) -> None:
    assert steps.run("fail").message == "failed on purpose"


@pytest.mark.parametrize(("seconds", "ms"), [(90, 90_000), ("500ms", 500), ("1h30m", 5_400_000)])
def test_wait_waits_that_long(steps: StepRunner, seconds: Any, ms: float) -> None:
    async def main() -> tuple[float, dict[str, Any]]:
        outcome = await steps.arun("wait", seconds=seconds)
        return asyncio.get_running_loop().time(), dict(outcome.output)

    passed, output = run_virtually(main)

    assert passed == pytest.approx(ms / 1000)
    assert output["waited_ms"] == pytest.approx(ms)


def test_a_cancelled_wait_ends_at_once(steps: StepRunner) -> None:
    async def main() -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await steps.arun("wait", seconds="10d")
        return asyncio.get_running_loop().time()

    assert run_virtually(main) == pytest.approx(1)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("noop", {"mesage": "typo"}),
        ("log", {}),
        ("log", {"message": "x", "level": "LOUD"}),
        ("wait", {}),
        ("wait", {"seconds": -1}),
        ("wait", {"seconds": "soon"}),
        ("wait", {"seconds": True}),
        ("wait", {"seconds": float("nan")}),
        ("wait", {"seconds": float("inf")}),
        ("wait", {"seconds": "1h-30m"}),
        ("wait", {"seconds": [1]}),
    ],
)
def test_wrong_parameters_are_refused(name: str, parameters: dict[str, Any]) -> None:
    kind = step_type(name)
    assert kind is not None

    with pytest.raises(ValidationError):
        kind.parameters.model_validate(parameters)


def test_a_plan_says_what_would_happen(steps: StepRunner) -> None:
    assert steps.describe("noop") == "noop"
    assert (
        steps.describe("wait", seconds="{{ params.pause }}") == "wait: seconds={{ params.pause }}"
    )
    assert steps.describe("log", message="hi\nthere", level="warn") == "log warn: hi there"
    assert steps.describe("fail", message="x" * 999).endswith("…")
