"""The table of keys, and the user's own keys over it."""

import re
from collections import Counter
from pathlib import Path
from string import punctuation

import pytest
from textual.binding import Binding
from textual.keys import Keys, _character_to_key, key_to_character

import tui
from tests.support.tui import FakeBackend, busy_world, nightly, running, screen_text, wait_for_text
from tui.keys import key_bindings
from tui.keys.key_bindings import BY_ID
from tui.keys.keys_toml import read_keymap
from tui.keys.textual_bindings import bindings


def test_every_binding_has_an_id_of_its_own_and_says_what_it_does() -> None:
    ids = Counter(key.id for table in key_bindings.KEYS.values() for key in set(table))
    shared = {key.id for key in key_bindings.KEYS["scrolling"]}  # lists have them, too
    assert {name for name, count in ids.items() if count > 1} == shared
    assert all(key.label and key.group in key_bindings.GROUPS for key in BY_ID.values())


def test_no_key_means_two_things_in_one_place() -> None:
    for place in key_bindings.KEYS:
        keys = Counter(
            key for binding in Binding.make_bindings(bindings(place)) for key in [binding.key]
        )
        assert max(keys.values()) == 1, place


def test_every_key_is_one_that_terminals_send() -> None:
    named = {key.value for key in Keys} | {_character_to_key(one) for one in punctuation}
    for place in key_bindings.KEYS:
        for binding in Binding.make_bindings(bindings(place)):
            key = binding.key
            assert key in named or len(key_to_character(key) or key) == 1, key


def test_the_users_keys_are_read() -> None:
    found, problems = read_keymap(
        '[keys]\n"list.down" = "j,down,ctrl+n"\n"run.cancel" = "ctrl+x"\n'
    )
    assert found == {"list.down": "j,down,ctrl+n", "run.cancel": "ctrl+x"}
    assert problems == []


def test_keys_of_graph_tree_and_gantt_may_be_remapped_too() -> None:
    found, problems = read_keymap(
        '[keys]\n"graph.zoom_in" = "Z"\n"tree.fold" = "c"\n"gantt.later" = "n"\n'
    )
    assert sorted(found) == ["gantt.later", "graph.zoom_in", "tree.fold"]
    assert problems == []


def test_no_screen_or_widget_declares_a_key_outside_the_table() -> None:
    folder = Path(tui.__file__).parent
    table = folder / "keys" / "textual_bindings.py"
    declaring = [
        str(path.relative_to(folder))
        for path in folder.rglob("*.py")
        if path != table and re.search(r"\bBinding\(", path.read_text("utf-8"))
    ]
    assert declaring == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[keys", "is not read"),
        ("keys = 3", "not a table"),
        ('[keys]\n"list.sideways" = "x"', "no binding is called 'list.sideways'"),
        ('[keys]\n"list.down" = 3', "the keys of 'list.down'"),
        ('[colours]\na = "b"', "unknown table [colours]"),
    ],
)
def test_what_is_wrong_with_the_users_keys_is_said(text: str, problem: str) -> None:
    found, problems = read_keymap(text)
    assert found == {}
    assert problem in problems[0]


async def test_a_remapped_key_works_and_the_old_one_does_not() -> None:
    world, run = busy_world()
    backend = FakeBackend(world, nightly())
    backend.remap({"run.next_failure": "F6", "run.cancel": "ctrl+x"})
    async with running(backend, start=run) as pilot:
        await wait_for_text(pilot, "promote-7")
        await pilot.press("X")
        await pilot.pause(0.1)
        assert "Cancel run" not in screen_text(pilot.app)
        await pilot.press("ctrl+x")
        await wait_for_text(pilot, "Cancel run")


async def test_the_help_shows_the_keys_as_they_are_mapped_and_searches_them() -> None:
    world, run = busy_world()
    backend = FakeBackend(world, nightly())
    backend.remap({"run.cancel": "ctrl+x"})
    async with running(backend, start=run) as pilot:
        await wait_for_text(pilot, "promote-7")
        await pilot.press("?")
        await wait_for_text(pilot, "search the keys", "next error")
        await wait_for_text(pilot, "merged log, of marked steps or all", "run.previous_failure")
        await pilot.press(*"cancel run")
        await wait_for_text(pilot, "^x", "cancel run")
        assert "next error  " not in screen_text(pilot.app).split("Keys")[1].split("⏎")[0]
        await pilot.press("escape")
        await wait_for_text(pilot, "promote-7")
        assert backend.asked == []
