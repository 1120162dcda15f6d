"""The overview of a step says how often it runs, what it requires, and when a service is ready."""

from core.domain.mission import Precondition, Ready, Repeat
from tests.support.simulation import a_step
from tui.lines.step.step_shape import shape_of


def test_an_ordinary_step_has_no_shape() -> None:
    assert shape_of(a_step("a")) == []


def test_every_key_of_a_shape_is_told_in_words() -> None:
    step = a_step(
        "a",
        foreach="{{ vars.list }}",
        matrix={"os": ["linux", "mac\nos"], "n": list(range(8))},
        max_parallel=2,
        preconditions=(Precondition(expression="{{ 1 < 2 }}"), Precondition(script="test -f x\ny")),
        repeat=Repeat(every=30, until="{{ output.x }}", limit=4),
        template="deploy",
        mutex="db",
        inputs=("src/*.c", "Makefile"),
        outputs=("app",),
        artifacts=("dist",),
        idempotent=False,
    )
    assert shape_of(step) == [
        ("template", "deploy"),
        ("foreach", "{{ vars.list }}"),
        ("matrix os", "linux, mac ⏎ os"),
        ("matrix n", "0, 1, 2, 3, 4, 5 and 2 more"),
        ("at once", "2"),
        ("requires", "1 < 2"),
        ("requires", "bash: test -f x y"),
        ("mutex", "db"),
        ("reads", "src/*.c, Makefile"),
        ("makes", "app"),
        ("keeps", "dist"),
        ("repeatable", "no: a person is asked when its runner was lost"),
        ("repeat", "until output.x, 4 times at most, every 30s"),
    ]


def test_a_service_says_when_it_is_ready() -> None:
    ready = Ready(port="5432", timeout=90)
    assert shape_of(a_step("a", service=True, ready=ready)) == [
        ("service", "ready by port 5432, within 1m30s")
    ]
    assert shape_of(a_step("a", service=True)) == [("service", "ready as soon as it runs")]
