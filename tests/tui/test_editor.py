"""The operator's editor: started with the file, its absence and its failure reported."""

from contextlib import nullcontext
from pathlib import Path
from typing import cast

import pytest

from tui.live.deck import Deck
from tui.terminal.editor import edit_file


class Told:
    """The part of the application that an editor needs."""

    def __init__(self) -> None:
        self.complaints: list[str] = []
        self.looked = 0

    def show_problem(self, text: str) -> None:
        self.complaints.append(text)

    def discover(self) -> None:
        self.looked += 1


def edited(path: str) -> Told:
    told = Told()
    # The editor calls no more of the protocol than this class has.
    edit_file(cast("Deck", told), path, nullcontext)
    return told


def test_the_editor_gets_its_options_and_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDITOR", "false")
    monkeypatch.setenv("VISUAL", "cp /dev/null")
    file = tmp_path / "a mission.yaml"
    told = edited(str(file))
    assert file.exists(), "VISUAL comes first, and the path is one argument"
    assert (told.complaints, told.looked) == ([], 1), "the missions are listed anew"


def test_without_an_editor_it_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EDITOR", raising=False)
    monkeypatch.delenv("VISUAL", raising=False)
    told = edited("m.yaml")
    assert (told.complaints, told.looked) == (["set $EDITOR to open files from here"], 0)


@pytest.mark.parametrize("editor", ["/no/such/editor", "vi 'unclosed"])
def test_an_editor_that_does_not_start_is_reported(
    editor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", editor)
    told = edited("m.yaml")
    assert len(told.complaints) == 1
    assert told.complaints[0].startswith("the editor did not start: ")
