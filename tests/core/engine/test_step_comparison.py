"""A step against the record of its last success: values, input files and output files."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from msgspec.structs import replace

from core.engine.up_to_date.file_search import find_files
from core.engine.up_to_date.file_state import FileProblemError, FileStates
from core.engine.up_to_date.step_comparison import (
    FORCED,
    NO_RECORD,
    NOT_SUCCEEDED,
    UNREADABLE,
    Compared,
    Question,
    StepComparer,
    StepFiles,
)
from core.engine.up_to_date.step_state import (
    StepRecord,
    compared_facts,
    decode_record,
    encode_problem,
)
from core.ports.step_record import StepRecordKey, StoredStepRecord

KEY = StepRecordKey("m", "/m", "a")
LONG_AGO = 1_000_000_000_000_000_000


class Records:
    """Implements `core.ports.step_record.StepRecords` in memory."""

    secret = b"k" * 32

    def __init__(self) -> None:
        self.stored: dict[StepRecordKey, StoredStepRecord] = {}

    def read(self, keys: Sequence[StepRecordKey]) -> Mapping[StepRecordKey, StoredStepRecord]:
        return {key: self.stored[key] for key in keys if key in self.stored}

    def close(self) -> None:
        """Nothing is open."""


class World:
    """A folder with a step that makes `out` from `src/*.c`, and its record."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.records = Records()
        self.reads: tuple[str, ...] = ("src/*.c",)
        self.makes: tuple[str, ...] = ("out",)
        self.texts = {"step_type": "command", "env.A": "1"}
        self.write("src/a.c", "a")
        self.write("src/b.c", "b")
        self.write("out", "made")

    def write(self, name: str, text: str) -> Path:
        """Write a file that was last changed long ago."""
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        os.utime(path, ns=(LONG_AGO, LONG_AGO))
        return path

    def question(self, **fields: object) -> Question:
        files = StepFiles(folder=self.folder, root=self.folder, reads=self.reads, makes=self.makes)
        found = Question(task_id="a", key=KEY, texts=self.texts, secrets=(), files=files)
        return replace(found, **fields)

    def compare(self, **fields: object) -> Compared:
        """Compare as a new run does: it has read no file yet."""
        comparer = StepComparer(self.records, FileStates(), None)
        return comparer.compare([self.question(**fields)])[0]

    def succeed(self) -> None:
        """Record what there is as the last success."""
        question = self.question()
        comparer = StepComparer(self.records, FileStates(), None)
        (compared,) = comparer.compare([question])
        assert compared.state is not None
        record = StepRecord(
            execution_id="x",
            attempt=1,
            state=compared.state,
            outputs=comparer.made(question.files),
            result={"stdout": "said"},
        )
        self.records.stored[KEY] = StoredStepRecord("x/a/1", record.encode())

    def because(self) -> tuple[str, ...]:
        return self.compare().because


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    made.succeed()
    return made


def test_nothing_has_changed(world: World) -> None:
    compared = world.compare()
    assert compared.because == ()
    assert compared.record is not None
    assert compared.record.result == {"stdout": "said"}
    facts = compared_facts(compared.record)
    assert (facts["inputs"], facts["outputs"], facts["values"]) == (2, 1, 2)


def test_every_change_is_named(world: World) -> None:
    world.texts = {"step_type": "script", "params.x": "1"}
    world.write("src/a.c", "A")
    world.write("src/c.c", "c")
    (world.folder / "src/b.c").unlink()
    world.write("out", "edited by hand")
    assert world.because() == (
        "env.A is gone",
        "params.x is new",
        "step_type changed",
        "input src/a.c changed",
        "input src/b.c is gone",
        "input src/c.c is new",
        "output out changed",
    )


def test_times_alone_neither_prove_nor_disprove(world: World) -> None:
    os.utime(world.folder / "src/a.c")  # touched
    assert world.because() == ()
    path = world.write("src/a.c", "b")  # of equal size and time
    assert path.stat().st_mtime_ns == LONG_AGO
    assert world.because() == ("input src/a.c changed",)


def test_a_file_that_was_touched_is_recorded_anew_with_its_time(world: World) -> None:
    os.utime(world.folder / "src/a.c", ns=(LONG_AGO + 1, LONG_AGO + 1))
    compared = world.compare()
    assert compared.refreshed is not None
    refreshed = decode_record(compared.refreshed)
    assert refreshed is not None
    assert refreshed.state.inputs["src/a.c"].mtime_ns == LONG_AGO + 1
    assert compared.holder == "x/a/1"


def test_an_unchanged_file_is_not_read_again(world: World) -> None:
    path = world.folder / "src/a.c"
    later = FileStates(now=lambda: path.stat().st_ctime_ns + 3_000_000_000)
    state = later.state(str(path), None)
    path.chmod(0)
    seen = replace(state, ctime_ns=path.stat().st_ctime_ns)
    assert FileStates().state(str(path), seen) is seen


def test_a_file_that_was_changed_just_before_it_was_read_is_read_again(world: World) -> None:
    path = world.folder / "src/a.c"
    racy = FileStates().state(str(path), None)  # its ctime is now
    wrong = replace(racy, digest="0" * 64)
    assert FileStates().state(str(path), wrong).digest == racy.digest


def test_a_missing_output_runs_the_step(world: World) -> None:
    (world.folder / "out").unlink()
    assert world.because() == ("outputs: `out` matches no file",)


def test_a_pattern_that_matches_nothing_cannot_be_recorded(world: World) -> None:
    world.reads = ("src/*.c", "lib/*.h")
    compared = world.compare()
    assert compared.because == ("inputs: `lib/*.h` matches no file",)
    assert compared.state is None


def test_what_is_forced_not_recorded_or_invalidated_runs(world: World) -> None:
    assert world.compare(is_forced=True).because == (FORCED,)
    for stored, because in (
        (None, NO_RECORD),
        (StoredStepRecord("y/a/1", None), NOT_SUCCEEDED),
        (StoredStepRecord("y/a/1", b"damaged"), UNREADABLE),
        (StoredStepRecord("y/a/1", b'{"format": 99}'), UNREADABLE),
        (
            StoredStepRecord("y/a/1", encode_problem("outputs: none")),
            "its last success was not recorded: outputs: none",
        ),
    ):
        world.records.stored = {} if stored is None else {KEY: stored}
        assert world.because() == (because,)


def test_another_key_agrees_with_no_value(world: World) -> None:
    world.records.secret = b"other" * 6
    assert world.because() == ("env.A changed", "step_type changed")


def test_the_record_holds_no_value(world: World) -> None:
    world.texts["env.PASSWORD"] = "hunter2hunter2"
    world.succeed()
    assert b"hunter2" not in (world.records.stored[KEY].data or b"")
    world.texts["env.PASSWORD"] = "hunter3hunter3"
    assert world.because() == ("env.PASSWORD changed",)


def test_a_link_to_a_file_stands_for_it(world: World) -> None:
    target = world.write("elsewhere", "a")
    (world.folder / "src/link.c").symlink_to("../elsewhere")
    world.succeed()
    assert world.because() == ()
    target.write_text("b")
    assert world.because() == ("input src/link.c changed",)
    target.unlink()
    assert world.because() == ("input src/link.c is gone",)


def test_what_patterns_name(world: World, tmp_path: Path) -> None:
    for name in ("src/deep/x.c", "src/deep/er/y.c", ".hidden.c"):
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        world.write(name, name)
    (tmp_path / "loop").symlink_to(tmp_path / "src")

    def found(*patterns: str) -> list[str]:
        return find_files(tmp_path, patterns, within=None)

    deep = ["src/a.c", "src/b.c", "src/deep/er/y.c", "src/deep/x.c"]
    assert found("src") == found("src/**") == found("src/**/*.c") == found("**/[ab].c", "src/deep")
    assert found("src") == deep
    assert found("*.c") == [".hidden.c"]
    assert found("src/?.c", "src/a.c") == ["src/a.c", "src/b.c"]
    assert found("loop/a.c") == ["loop/a.c"]
    with pytest.raises(FileProblemError, match="matches no file"):
        found("loo*/a.c")


def test_outputs_stay_in_the_folder_of_the_mission(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other/file").touch()
    (tmp_path / "m").mkdir()
    (tmp_path / "m/out").symlink_to("../other/file")
    assert find_files(tmp_path / "m", ["out"], within=None) == ["out"]
    with pytest.raises(FileProblemError, match="leads out"):
        find_files(tmp_path / "m", ["out"], within=tmp_path / "m")


def test_a_pipe_is_no_file(world: World) -> None:
    os.mkfifo(world.folder / "src/pipe.c")
    assert world.because() == ()  # a pattern passes over it
    world.reads = ("src/pipe.c",)
    assert world.because() == ("inputs: src/pipe.c is not a regular file",)


def test_values_and_files_that_changed_between_comparison_and_success_are_noticed(
    world: World,
) -> None:
    comparer = StepComparer(world.records, FileStates(), None)
    (compared,) = comparer.compare([world.question()])
    assert compared.state is not None
    files = world.question().files

    def meanwhile(made: Sequence[str] = ()) -> str | None:
        assert compared.state is not None
        return comparer.changed_meanwhile(compared.state, files, world.texts, made)

    assert meanwhile() is None
    world.texts["env.A"] = "2"
    assert meanwhile() == "env.A changed before it ran"
    world.texts["env.A"] = "1"
    world.write("src/a.c", "another")
    world.write("src/a.c", "a")  # as it was, but for its times
    assert meanwhile() == "input src/a.c changed while it ran"
    assert meanwhile(["src/a.c"]) is None
