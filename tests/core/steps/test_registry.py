"""Step types by name: built in or installed, loaded only when asked for."""

import importlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.errors import StepTypeLoadError
from core.step_type.parameter_model import StepParameters
from core.step_type.registry import (
    BUILT_IN,
    forget_step_types,
    normalise_type,
    step_type,
    step_type_names,
)
from core.step_type.step_type import Mode, StepType

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Install a package: its metadata with one entry point, and its module."""
    monkeypatch.syspath_prepend(tmp_path)
    modules = set(sys.modules)

    def install(package: str, name: str, target: str, source: str = "") -> None:
        info = tmp_path / f"{package}-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.2\n")
        (info / "entry_points.txt").write_text(f"[missiondeck.step_types]\n{name} = {target}\n")
        (tmp_path / f"{target.partition(':')[0]}.py").write_text(source)
        importlib.invalidate_caches()
        forget_step_types()

    yield install
    for name in set(sys.modules) - modules:
        del sys.modules[name]
    forget_step_types()


GREET = """
from core.step_type import Mode, StepOutcome, StepParameters, StepType

class GreetParameters(StepParameters):
    who: str

class Greet(StepType):
    name = "greet"
    mode = Mode.INSTANT
    parameters = GreetParameters
    summary = "Greet somebody"

    def run(self, call):
        return StepOutcome.success({"text": f"hello {call.parameters.who}"})
"""


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_built_in_type_is_complete(name: str) -> None:
    kind = step_type(name)

    assert kind is not None
    assert kind.name == name
    assert isinstance(kind.mode, Mode)
    assert issubclass(kind.parameters, StepParameters)
    assert kind.summary
    assert not kind.summary.endswith(".")
    runner = "run_async" if kind.mode is Mode.ASYNC else "run"
    assert getattr(type(kind), runner) is not getattr(StepType, runner)
    assert isinstance(kind.describe({}), str)
    assert kind.parameters.model_json_schema()["additionalProperties"] is False
    assert kind.output.model_json_schema()["type"] == "object"
    for field, info in kind.parameters.model_fields.items():
        assert info.description, f"{name}.{field} is not described"


def test_a_type_is_one_instance() -> None:
    assert step_type("noop") is step_type("noop")


def test_an_unknown_name_is_no_type() -> None:
    assert step_type("no_such_type") is None


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("CreateFile", "create_file"),
        ("Http", "http"),
        ("HTTP", "http"),
        ("ParseJSON", "parse_json"),
        ("ParseJson", "parse_json"),
        ("SqlQuery", "sql_query"),
        ("create_file", "create_file"),
        ("noop", "noop"),
        ("", ""),
    ],
)
def test_names_in_camel_case_are_normalised(written: str, canonical: str) -> None:
    assert normalise_type(written) == canonical


def test_asking_for_names_loads_no_family_and_no_model_library() -> None:
    program = (
        "import sys; from core.step_type.registry import step_type_names, normalise_type; "
        "normalise_type('Http'); assert 'noop' in step_type_names(); "
        "print([m for m in sys.modules if m == 'pydantic' or m.startswith('core.steps.')])"
    )

    printed = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, text=True
    ).stdout

    assert printed == "[]\n"


def test_a_package_adds_a_type(install: Install) -> None:
    install("greeter", "greet", "greeter:Greet", GREET)

    kind = step_type("greet")

    assert kind is not None
    assert kind.summary == "Greet somebody"
    assert step_type_names()[-1] == "greet"


def test_a_package_never_replaces_a_built_in_type(install: Install) -> None:
    install("shadow", "noop", "shadow:Noop", "raise RuntimeError('loaded')")

    kind = step_type("noop")

    assert kind is not None
    assert type(kind).__module__ == "core.steps.control.basic_steps"
    assert step_type_names().count("noop") == 1


@pytest.mark.parametrize(
    ("target", "source", "said"),
    [
        ("broken:Greet", "raise OSError('no licence')", "cannot be loaded: OSError: no licence"),
        ("broken:Greet", "import no_such_module", "No module named 'no_such_module'"),
        ("broken:Greet", "", "cannot be loaded: AttributeError"),
        ("broken:Greet", "Greet = object", "not a core.step_type.StepType"),
        ("broken:Greet", GREET.replace('"greet"', '"other"'), "calls itself 'other'"),
    ],
)
def test_a_broken_package_is_named(install: Install, target: str, source: str, said: str) -> None:
    install("breaker", "greet", target, source)

    with pytest.raises(StepTypeLoadError) as caught:
        step_type("greet")

    assert said in caught.value.message
    assert "breaker 1.2" in caught.value.message
    assert "greet" in step_type_names()


def test_a_name_that_two_packages_offer_is_neithers(install: Install) -> None:
    install("first", "greet", "first:Greet", GREET)
    install("second", "greet", "second:Greet", GREET)

    with pytest.raises(StepTypeLoadError, match=r"first 1\.2, second 1\.2"):
        step_type("greet")
