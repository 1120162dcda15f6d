"""One stored run, read from the command line and from the screen: every number is the same."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.domain.state_word import WORDS
from core.domain.tally import ORDER
from tests.support.cli import SCRIPT, Ran, environment, mission
from tests.support.terminal import Terminal
from tui.words.state_glyphs import sign

MISSION = """\
version: "1.0"
name: figures
config: {fail_fast: false}
steps:
  - id: fan
    step_type: command
    foreach: [1, 2]
    parameters: {command: sh, args: [-c, "test {{ item }} != 2"]}
  - {id: bad, step_type: command, parameters: {command: sh, args: [-c, "sleep 0.3; exit 3"]}}
  - {id: left-out, step_type: noop}
"""


_TOOK = r"<1ms|[\d.]+(?:ms|s|m\d\ds)"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with one run in it that leaves a step out."""
    folder = tmp_path_factory.mktemp("figures")
    (folder / "figures.yaml").write_text(MISSION, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def ran(home: Path) -> Ran:
    found = mission(home / "home", "run", "figures.yaml", "--skip", "left-out", cwd=home)
    assert found.code == 1
    return found


@pytest.fixture(scope="module")
def screen(home: Path, ran: Ran) -> Iterator[Terminal]:
    """The screen on the run: one step a state that is folded where there are more."""
    env = environment(home / "home")
    terminal = Terminal([str(SCRIPT)], env, home, columns=220, rows=50)
    terminal.wait_for("figures#1", "NEEDS YOU")
    terminal.send("2")
    terminal.send("\r")
    terminal.wait_for("1 List", "bad")
    terminal.wait_for("fan[1]", "left-out", "subset")
    terminal.send("g")
    terminal.send(" ")
    terminal.wait_for("[0]")
    terminal.settle()
    yield terminal
    terminal.kill()


def counts_in_words(text: str) -> dict[str, int]:
    """Return the counts of `2 done, 1 failed` by word."""
    words = "|".join(WORDS.values())
    return {word: int(n) for n, word in re.findall(rf"(\d+) ({words})\b", text)}


def counts_in_signs(text: str) -> dict[str, int]:
    """Return the counts of `2✓ 1✗` by word."""
    found = {}
    for state in ORDER:
        match = re.search(rf"(\d+){re.escape(sign(state))}", text)
        if match is not None:
            found[WORDS[state.value]] = int(match[1])
    return found


def test_counts_of_steps_and_of_items_are_the_same(home: Path, ran: Ran, screen: Terminal) -> None:
    header = screen.text.splitlines()[0]
    steps, _, items = header.partition(" items ")
    expected = counts_in_signs(steps), counts_in_signs(items)
    assert expected == ({"failed": 2, "skipped": 1}, {"done": 1, "failed": 1})
    told = [line for line in ran.err.splitlines() if "; items: " in line]
    told += [line for line in shown(home).splitlines() if "; items: " in line]
    told += [line for line in mission(home / "home", "ls").out.splitlines() if "; items: " in line]
    assert len(told) == 3, "at the end of the run, in show, in ls"
    for line in told:
        by_steps, _, by_items = line.partition("; items: ")
        by_items = re.split(r"  | in | · ", by_items)[0]
        assert (counts_in_words(by_steps), counts_in_words(by_items)) == expected
    assert [m for m in re.findall(r"\d+([^\d\s])", steps) if m in "✓▶✗↻◌○⊘◼"] == ["✗", "⊘"]
    (one,) = mission(home / "home", "ls", "--json").json
    every = {WORDS[state]: number for state, number in one["counts"].items()}
    assert every == {"done": 1, "failed": 3, "skipped": 1}
    assert one["item_counts"] == {"SUCCESS": 1, "FAILED": 1}


def test_state_coverage_and_duration_of_the_run_are_the_same(
    home: Path, ran: Ran, screen: Terminal
) -> None:
    header = screen.text.splitlines()[0]
    found = re.search(r"✗ failed (subset) ([\w.]+) ", header)
    assert found is not None, header
    coverage, took = found.groups()
    text = shown(home)
    assert f"✗ failed {coverage}" in text.splitlines()[0]
    assert f"took {took} " in text
    (row,) = mission(home / "home", "ls").out.splitlines()[1:]
    assert f"✗ failed {coverage}" in row
    assert f" {took} " in row
    assert f"failed {coverage}" in ran.err
    assert f" in {took}" in ran.err


@pytest.mark.parametrize("name", ["fan", "fan[0]", "fan[1]", "bad", "left-out"])
def test_state_and_duration_of_a_step_are_the_same(home: Path, screen: Terminal, name: str) -> None:
    rows = [line.partition("▏")[0] for line in screen.text.splitlines()[2:]]
    shown_as = re.escape(name.removeprefix("fan") if "[" in name else name)
    (on_screen,) = (row for row in rows if re.match(rf"[ ▌] *\S (?:[▸▾] )?{shown_as} ", row))
    table = shown(home).partition("\nSTEP ")[2].partition("\n\n")[0].splitlines()[1:]
    (in_text,) = (row for row in table if re.match(rf"{re.escape(name)} ", row))
    words = "|".join(WORDS.values())
    state = re.search(rf" \S ({words}) ", in_text)
    assert state is not None
    took = re.search(rf" ({_TOOK})(?:  |$)", in_text)
    expected = f" {state[1]} *" + (re.escape(took[1]) if took else "") + " *$"
    assert re.search(expected, on_screen), (expected, on_screen)


def shown(home: Path) -> str:
    return mission(home / "home", "show", "figures").out
