import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.reasons import Reason
from core.domain.records import LogLevel
from core.steps.file import folder_walk
from core.value.glob import Glob
from tests.support.step_run import StepRunner


@pytest.fixture
def steps(tmp_path: Path) -> StepRunner:
    root = tmp_path / "work"
    for path in ("b.py", "a.txt", ".hidden.py", "src/z.py", "src/deep/er/m.py", "src/deep/n.txt"):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(path)
    (tmp_path / "secret.py").write_text("")
    (root / "out").symlink_to(tmp_path)
    (root / "loop").symlink_to(".")
    (root / ".mission-0123456789abcdef.tmp").write_text("half written")
    return StepRunner(root)


def test_a_folder_is_listed_in_byte_order_with_types_and_sizes(steps: StepRunner) -> None:
    os.mkfifo(steps.working_dir / "fifo")
    assert steps.ok("list_directory", path=".") == {
        "path": ".",
        "entries": [
            {"name": ".hidden.py", "path": ".hidden.py", "type": "file", "size": 10},
            {"name": "a.txt", "path": "a.txt", "type": "file", "size": 5},
            {"name": "b.py", "path": "b.py", "type": "file", "size": 4},
            {"name": "fifo", "path": "fifo", "type": "other", "size": 0},
            {"name": "loop", "path": "loop", "type": "link", "size": 0},
            {"name": "out", "path": "out", "type": "link", "size": 0},
            {"name": "src", "path": "src", "type": "folder", "size": 0},
        ],
        "count": 7,
    }


def test_a_recursive_list_goes_down_and_never_through_a_link(steps: StepRunner) -> None:
    listed = steps.ok("list_directory", path="src/../.", recursive=True, pattern="*.py")
    assert [entry["path"] for entry in listed["entries"]] == [
        ".hidden.py",
        "b.py",
        "src/deep/er/m.py",
        "src/z.py",
    ]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("*.py", ["src/deep/er/m.py", "src/z.py"]),
        ("./*.py", ["src/z.py"]),
        ("deep/*", ["src/deep/n.txt"]),
        ("**/*.py", ["src/deep/er/m.py", "src/z.py"]),
        ("deep/**", ["src/deep/er/m.py", "src/deep/n.txt"]),
        ("**/er/**/[a-m].??", ["src/deep/er/m.py"]),
        ("../*", []),
        ("[", []),
    ],
)
def test_files_are_found_by_name_or_by_path(
    steps: StepRunner, pattern: str, found: list[str]
) -> None:
    output = steps.ok("file_search", path="src", pattern=pattern)
    assert output["matches"] == found
    assert output["count"] == len(found)


def test_a_search_stays_in_its_folder_when_told(steps: StepRunner) -> None:
    assert steps.ok("file_search", path=".", pattern="*.py", recursive=False)["count"] == 2


def test_more_entries_than_allowed_are_a_failure_and_no_partial_answer(
    steps: StepRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, parameters in (("list_directory", {}), ("file_search", {"pattern": "*"})):
        outcome = steps.run(name, path=".", max_entries=1, **parameters)
        assert outcome.reason_code is Reason.OUTPUT_LIMIT
        assert outcome.message == (
            "more than 1 entries match; narrow the pattern or raise max_entries"
        )
    monkeypatch.setattr(folder_walk, "MAX_VISITED_ENTRIES", 3)
    outcome = steps.run("file_search", path=".", pattern="nothing")
    assert outcome.message == "more than 3 entries"


def test_a_tree_deeper_than_the_limit_is_a_failure(
    steps: StepRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_walk, "MAX_DEPTH", 2)
    outcome = steps.run("file_search", path=".", pattern="*")
    assert outcome.reason_code is Reason.OUTPUT_LIMIT


@pytest.mark.parametrize("path", ["..", "out", "/etc"])
def test_no_folder_outside_is_listed_or_searched(steps: StepRunner, path: str) -> None:
    for name, parameters in (("list_directory", {}), ("file_search", {"pattern": "*"})):
        outcome = steps.run(name, path=path, **parameters)
        assert outcome.reason_code is Reason.SECURITY_VIOLATION


@pytest.mark.parametrize("path", ["missing", "a.txt"])
def test_what_is_no_folder_is_a_failure(steps: StepRunner, path: str) -> None:
    assert steps.run("list_directory", path=path).reason_code is Reason.STEP_ERROR


def test_a_name_that_is_no_text_is_refused_by_its_name_or_skipped_as_asked(
    steps: StepRunner,
) -> None:
    (steps.working_dir / os.fsdecode(b"\xff.py")).write_text("")
    (steps.working_dir / "ä.py").write_text("")
    for name in ("list_directory", "file_search"):
        outcome = steps.run(name, path=".", pattern="*.py")
        assert outcome.reason_code is Reason.STEP_ERROR
        assert outcome.message == (
            "the name \\xff.py is not UTF-8, so no later step could use it;"
            " rename it, or leave it out with `bad_name: skip`"
        )
        assert steps.ok(name, path=".", pattern="ä*")["count"] == 1
    matches = steps.ok("file_search", path=".", pattern="*.py", bad_name="skip")["matches"]
    assert "ä.py" in matches
    assert all(match.isprintable() for match in matches)
    assert steps.logs[-1] == (LogLevel.WARN, "left out \\xff.py: its name is not UTF-8")


def test_a_failure_shows_the_bytes_of_a_name_that_is_no_text(steps: StepRunner) -> None:
    (steps.working_dir / "bad").mkdir()
    (steps.working_dir / "bad" / os.fsdecode(b"\xe9")).write_text("")
    zipped = steps.run("compress", source="bad", destination="x.zip", format="zip")
    assert zipped.message == "zip cannot store the name bad/\\xe9: it is not UTF-8"
    steps.ok("compress", source="bad", destination="x.tar", format="tar")
    steps.ok("extract", source="x.tar", destination="unpacked")
    again = steps.run("extract", source="x.tar", destination="unpacked", overwrite=False)
    assert again.message == "bad/\\xe9: exists already, and overwrite is false"


def test_a_cancelled_search_stops(steps: StepRunner) -> None:
    steps.cancelled.set()
    outcome = steps.run("file_search", path=".", pattern="*")
    assert outcome.error is not None
    assert outcome.error.kind == "cancelled"


def test_plans_say_what_would_be_looked_at(steps: StepRunner) -> None:
    assert steps.describe("list_directory", path="src") == "would list src"
    assert steps.describe("file_search", path="src", pattern="*") == "would search src for *"


def test_a_pattern_of_many_stars_is_quick() -> None:
    assert not Glob("/".join(["**"] * 50) + "/x").matches("/".join(["a"] * 200))
    assert not Glob("*a" * 60).matches("a" * 250 + "b")


@given(
    st.lists(st.sampled_from(["a", "b", "**", "*"]), min_size=2), st.lists(st.sampled_from("ab"))
)
def test_stars_match_as_their_definition_says(parts: list[str], components: list[str]) -> None:
    def matches(pattern: list[str], path: list[str]) -> bool:
        if not pattern:
            return not path
        if pattern[0] == "**":
            return matches(pattern[1:], path) or bool(path and matches(pattern, path[1:]))
        return bool(path) and pattern[0] in {path[0], "*"} and matches(pattern[1:], path[1:])

    parts, components = parts[:5], components[:6] or ["a"]
    assert Glob("/".join(parts)).matches("/".join(components)) == matches(parts, components)
