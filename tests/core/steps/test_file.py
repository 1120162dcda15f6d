import base64
import contextlib
import ctypes
import os
import stat
from collections.abc import Callable
from functools import partial
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from pydantic import ValidationError

from core.domain.reasons import Reason
from core.domain.states import AttemptState
from core.step_type.permitted import Permitted
from core.steps.file.confined_tree import Tree
from core.steps.file.file_step import parse_mode
from tests.support.step_run import StepRunner


@pytest.fixture
def steps(tmp_path: Path) -> StepRunner:
    root = tmp_path / "work"
    root.mkdir()
    (tmp_path / "outside.txt").write_text("outside")
    return StepRunner(root)


def leftovers(root: Path) -> list[str]:
    return [str(path) for path in root.rglob(".mission-*")]


# --- create, append, read -----------------------------------------------------------------------


def test_a_created_file_holds_its_content_and_missing_folders_are_made(steps: StepRunner) -> None:
    assert steps.ok("create_file", path="a/b/x.txt", content="hällo") == {
        "path": "a/b/x.txt",
        "size": 6,
        "created": True,
    }
    assert (steps.working_dir / "a/b/x.txt").read_text("utf-8") == "hällo"
    assert not leftovers(steps.working_dir)


def test_content_that_is_data_is_written_as_json(steps: StepRunner) -> None:
    steps.ok("create_file", path="x.json", content={"a": [1, "ü"]})
    assert (steps.working_dir / "x.json").read_text("utf-8") == '{"a": [1, "ü"]}'


def test_bytes_travel_as_base64_both_ways(steps: StepRunner) -> None:
    data = bytes(range(256))
    text = base64.b64encode(data).decode()
    steps.ok("create_file", path="x.bin", content=text, encoding="base64")
    assert (steps.working_dir / "x.bin").read_bytes() == data
    assert steps.ok("read_file", path="x.bin", encoding="base64")["content"] == text
    assert steps.run("create_file", path="y", content="?", encoding="base64").error is not None


def test_a_replaced_file_keeps_its_permissions_unless_told_otherwise(steps: StepRunner) -> None:
    steps.ok("create_file", path="x", content="1", mode="0750")
    assert stat.S_IMODE((steps.working_dir / "x").stat().st_mode) == 0o750
    assert steps.ok("create_file", path="x", content="2")["created"] is False
    assert stat.S_IMODE((steps.working_dir / "x").stat().st_mode) == 0o750
    steps.ok("create_file", path="x", content="3", mode="600")
    assert stat.S_IMODE((steps.working_dir / "x").stat().st_mode) == 0o600


def test_a_new_file_gets_the_permissions_of_the_umask(steps: StepRunner) -> None:
    old = os.umask(0o027)
    try:
        steps.ok("create_file", path="x")
    finally:
        os.umask(old)
    assert stat.S_IMODE((steps.working_dir / "x").stat().st_mode) == 0o640


@pytest.mark.parametrize(
    ("written", "mode"),
    [("0644", 0o644), ("0o755", 0o755), ("600", 0o600), (644, 0o644), (420, 0o644), (755, 0o755)],
)
def test_a_mode_is_octal_however_yaml_read_it(written: object, mode: int) -> None:
    assert parse_mode(written) == mode


@pytest.mark.parametrize("written", ["0999", "rw-r--r--", "", "04755", 511, 400, 1.5, True, -1])
def test_a_mode_that_is_none_or_ambiguous_is_refused(written: object) -> None:
    with pytest.raises(ValueError, match="mode"):
        parse_mode(written)


def test_overwrite_false_never_replaces(steps: StepRunner) -> None:
    steps.ok("create_file", path="x", content="mine", overwrite=False)
    outcome = steps.run("create_file", path="x", content="theirs", overwrite=False)
    assert outcome.reason_code is Reason.STEP_ERROR
    assert outcome.message == "x: exists already, and overwrite is false"
    assert (steps.working_dir / "x").read_text() == "mine"
    assert not leftovers(steps.working_dir)


def test_of_many_that_may_not_overwrite_exactly_one_wins(steps: StepRunner) -> None:
    outcomes: list[AttemptState] = []

    def create(number: int) -> None:
        outcome = steps.run("create_file", path="x", content=str(number) * 1000, overwrite=False)
        outcomes.append(outcome.state)

    threads = [Thread(target=create, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count(AttemptState.SUCCESS) == 1
    assert len(set((steps.working_dir / "x").read_text())) == 1


def test_a_name_is_taken_without_hard_links_too(
    steps: StepRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    assert steps.ok("create_file", path="x", content="1", overwrite=False)["created"]
    assert steps.run("create_file", path="x", content="2", overwrite=False).error is not None
    assert (steps.working_dir / "x").read_text() == "1"


def test_appending_makes_the_file_and_adds_to_its_end(steps: StepRunner) -> None:
    assert steps.ok("append_file", path="d/log", content="a\n")["created"] is True
    assert steps.ok("append_file", path="d/log", content="b\n") == {
        "path": "d/log",
        "size": 4,
        "created": False,
    }
    assert steps.run("append_file", path="d/log", content="c", overwrite=False).error is not None
    assert (steps.working_dir / "d/log").read_text() == "a\nb\n"


def test_reading_stops_at_max_bytes_and_says_so(steps: StepRunner) -> None:
    (steps.working_dir / "x").write_text("12345")
    assert steps.ok("read_file", path="x", max_bytes=5)["content"] == "12345"
    outcome = steps.run("read_file", path="x", max_bytes=4)
    assert outcome.reason_code is Reason.OUTPUT_LIMIT
    assert outcome.message == "x is larger than max_bytes (4)"


def test_an_encoding_is_honoured_and_a_wrong_one_is_a_failure(steps: StepRunner) -> None:
    (steps.working_dir / "x").write_bytes(b"h\xe4")
    assert steps.ok("read_file", path="x", encoding="latin-1")["content"] == "hä"
    outcome = steps.run("read_file", path="x")
    assert outcome.error is not None
    assert "is not utf-8" in outcome.error.message
    for odd in ("zlib", "rot13", "unicode_escape", "nonsense", "utf\0"):
        with pytest.raises(ValidationError, match="encoding"):
            steps.run("read_file", path="x", encoding=odd)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("read_file", {"path": "missing"}),
        ("read_file", {"path": "missing/x"}),
        ("read_file", {"path": "."}),
        ("read_file", {"path": "x/y"}),
        ("create_file", {"path": "folder"}),
        ("create_file", {"path": "x/y"}),
        ("create_file", {"path": "n" * 256}),
        ("create_file", {"path": "\ud800"}),
        ("edit_file", {"path": "missing", "content": "x"}),
        ("delete_file", {"path": "folder"}),
        ("delete_file", {"path": "missing", "missing_ok": False}),
        ("copy_file", {"source": "missing", "destination": "y"}),
        ("copy_file", {"source": "folder", "destination": "y"}),
        ("copy_file", {"source": "x", "destination": "folder"}),
        ("move_file", {"source": "missing", "destination": "y"}),
        ("move_file", {"source": "folder", "destination": "y"}),
    ],
)
def test_what_cannot_be_done_is_a_failure_with_a_name(
    steps: StepRunner, name: str, parameters: dict[str, object]
) -> None:
    (steps.working_dir / "x").write_text("x")
    (steps.working_dir / "folder").mkdir()
    outcome = steps.run(name, **parameters)
    assert outcome.reason_code is Reason.STEP_ERROR
    assert (steps.working_dir / "x").read_text() == "x"


def test_a_working_directory_that_is_gone_is_a_failure(tmp_path: Path) -> None:
    outcome = StepRunner(tmp_path / "gone").run("read_file", path="x")
    assert outcome.reason_code is Reason.STEP_ERROR
    assert outcome.message is not None
    assert "gone" in outcome.message


def test_a_failed_write_leaves_no_trace(steps: StepRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    (steps.working_dir / "x").write_text("old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    outcome = steps.run("create_file", path="x", content="new")
    assert outcome.message == "x: No space left on device"
    assert (steps.working_dir / "x").read_text() == "old"
    assert steps.run("append_file", path="x", content="new").state is AttemptState.FAILED
    assert (steps.working_dir / "x").read_text() == "old"
    assert not leftovers(steps.working_dir)


# --- edit, delete, copy, move -------------------------------------------------------------------


def test_find_and_replace_counts_what_it_replaced(steps: StepRunner) -> None:
    (steps.working_dir / "x").write_bytes(b"a-a-a-\xff")
    assert steps.ok("edit_file", path="x", find="a", replace="bb", count=2)["replacements"] == 2
    assert (steps.working_dir / "x").read_bytes() == b"bb-bb-a-\xff"
    assert steps.ok("edit_file", path="x", find="-")["replacements"] == 3


def test_a_text_that_is_not_there_fails_unless_allowed(steps: StepRunner) -> None:
    (steps.working_dir / "x").write_text("abc")
    outcome = steps.run("edit_file", path="x", find="z")
    assert outcome.message == "x does not contain 'z'"
    done = steps.ok("edit_file", path="x", find="z", allow_missing=True)
    assert done["replacements"] == 0


def test_new_content_replaces_or_is_appended(steps: StepRunner) -> None:
    (steps.working_dir / "x").write_text("abc")
    steps.ok("edit_file", path="x", content="def", append=True)
    assert (steps.working_dir / "x").read_text() == "abcdef"
    steps.ok("edit_file", path="x", content="")
    assert (steps.working_dir / "x").read_text() == ""


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"content": "a", "find": "b"},
        {"find": ""},
        {"find": "a", "append": True},
        {"replace": 1},
    ],
)
def test_an_edit_is_one_kind_of_edit(steps: StepRunner, parameters: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        steps.run("edit_file", path="x", **parameters)


def test_parallel_edits_and_appends_lose_nothing(steps: StepRunner) -> None:
    (steps.working_dir / "x").write_text("")

    def add(number: int) -> None:
        if number % 2:
            steps.ok("edit_file", path="x", content=f"{number}\n", append=True)
        else:
            steps.ok("append_file", path="x", content=f"{number}\n")

    threads = [Thread(target=add, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = (steps.working_dir / "x").read_text().split()
    assert sorted(map(int, lines)) == list(range(20))


def test_a_step_that_waits_for_a_lock_can_be_cancelled(steps: StepRunner) -> None:
    import fcntl

    (steps.working_dir / "x").write_text("")
    with (steps.working_dir / "x").open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        steps.cancelled.set()
        outcome = steps.run("edit_file", path="x", content="y")
    assert outcome.error is not None
    assert outcome.error.kind == "cancelled"


def test_delete_says_whether_there_was_something(steps: StepRunner) -> None:
    (steps.working_dir / "x").write_text("")
    assert steps.ok("delete_file", path="x") == {"path": "x", "existed": True, "deleted": True}
    assert steps.ok("delete_file", path="x") == {"path": "x", "existed": False, "deleted": False}
    assert steps.ok("delete_file", path="no/x")["existed"] is False


def test_delete_removes_a_link_and_never_its_target(steps: StepRunner, tmp_path: Path) -> None:
    (steps.working_dir / "x").symlink_to(tmp_path / "outside.txt")
    assert steps.ok("delete_file", path="x")["deleted"]
    assert (tmp_path / "outside.txt").read_text() == "outside"


def test_a_copy_keeps_content_and_mode(steps: StepRunner) -> None:
    data = os.urandom(3 * 1024 * 1024 + 7)
    (steps.working_dir / "x").write_bytes(data)
    (steps.working_dir / "x").chmod(0o750)
    assert steps.ok("copy_file", source="x", destination="d/y") == {
        "source": "x",
        "destination": "d/y",
        "size": len(data),
    }
    assert (steps.working_dir / "d/y").read_bytes() == data
    assert stat.S_IMODE((steps.working_dir / "d/y").stat().st_mode) == 0o750


def test_copy_and_move_replace_only_when_told(steps: StepRunner) -> None:
    for name in ("copy_file", "move_file"):
        (steps.working_dir / "x").write_text("new")
        (steps.working_dir / "y").write_text("old")
        outcome = steps.run(name, source="x", destination="y")
        assert outcome.message == "y: exists already, and overwrite is false"
        assert (steps.working_dir / "x").read_text() == "new"
        assert (steps.working_dir / "y").read_text() == "old"
        steps.ok(name, source="x", destination="y", overwrite=True)
        assert (steps.working_dir / "y").read_text() == "new"
    assert not (steps.working_dir / "x").exists()


def test_a_file_copied_or_moved_onto_itself_is_a_failure_and_stays(steps: StepRunner) -> None:
    (steps.working_dir / "x").write_text("x")
    os.link(steps.working_dir / "x", steps.working_dir / "y")
    for name in ("copy_file", "move_file"):
        for target in ("x", "y"):
            assert steps.run(name, source="x", destination=target, overwrite=True).error is not None
    assert (steps.working_dir / "x").read_text() == "x"


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_move_across_file_systems_copies_and_removes(
    steps: StepRunner, monkeypatch: pytest.MonkeyPatch, overwrite: bool
) -> None:
    """A mount inside the working directory needs root: the error it would cause is made instead."""

    def cross_device(*_: object, **__: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    real_rename = os.rename

    def rename(source: str, target: str, **options: int) -> None:
        if not source.startswith(".mission-"):
            cross_device()
        real_rename(source, target, **options)

    (steps.working_dir / "x").write_text("x")
    (steps.working_dir / "x").chmod(0o700)
    monkeypatch.setattr(os, "rename", rename)
    real_link = os.link

    def link(source: str, target: str, **options: object) -> None:
        if not source.startswith(".mission-"):
            cross_device()
        real_link(source, target, **options)  # type: ignore[arg-type]  # the options pass through

    monkeypatch.setattr(os, "link", link)
    steps.ok("move_file", source="x", destination="y", overwrite=overwrite)
    assert not (steps.working_dir / "x").exists()
    assert (steps.working_dir / "y").read_text() == "x"
    assert stat.S_IMODE((steps.working_dir / "y").stat().st_mode) == 0o700


# --- confinement --------------------------------------------------------------------------------


def every_file_step(path: str) -> list[tuple[str, dict[str, object]]]:
    return [
        ("create_file", {"path": path, "content": "evil"}),
        ("append_file", {"path": path, "content": "evil"}),
        ("edit_file", {"path": path, "content": "evil"}),
        ("read_file", {"path": path}),
        ("delete_file", {"path": path}),
        ("copy_file", {"source": path, "destination": "copied"}),
        ("copy_file", {"source": "inside", "destination": path, "overwrite": True}),
        ("move_file", {"source": path, "destination": "moved"}),
        ("move_file", {"source": "inside", "destination": path, "overwrite": True}),
    ]


@pytest.mark.parametrize(
    "path",
    [
        "../outside.txt",
        "d/../../outside.txt",
        "/etc/passwd",
        "{outside}",
        "link-to-parent/outside.txt",
        "absolute-link/outside.txt",
        "d/deep-link/outside.txt",
        "chain/outside.txt",
        "link-to-parent/../outside.txt",
        "x\0y",
        "../" * 300 + "etc/passwd",
    ],
)
def test_no_path_leads_outside(steps: StepRunner, tmp_path: Path, path: str) -> None:
    root = steps.working_dir
    (root / "d").mkdir()
    (root / "inside").write_text("inside")
    (root / "link-to-parent").symlink_to("..")
    (root / "absolute-link").symlink_to(tmp_path)
    (root / "d/deep-link").symlink_to("../..")
    (root / "chain").symlink_to("d/../link-to-parent")
    for name, parameters in every_file_step(path.replace("{outside}", f"{tmp_path}/outside.txt")):
        outcome = steps.run(name, **parameters)
        assert outcome.reason_code is Reason.SECURITY_VIOLATION, (name, outcome)
    assert (tmp_path / "outside.txt").read_text() == "outside"
    assert (root / "inside").read_text() == "inside"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["outside.txt", "work"]


def test_a_final_link_outside_is_refused_by_all_that_would_follow_it(
    steps: StepRunner, tmp_path: Path
) -> None:
    (steps.working_dir / "inside").write_text("inside")
    (steps.working_dir / "out").symlink_to(tmp_path / "outside.txt")
    for name, parameters in every_file_step("out"):
        if name in {"delete_file", "move_file"}:
            continue  # they take the link itself, or refuse it as no file
        outcome = steps.run(name, **parameters)
        assert outcome.reason_code is Reason.SECURITY_VIOLATION
        assert outcome.message is not None
        assert "the symbolic link out leads to" in outcome.message
    assert (tmp_path / "outside.txt").read_text() == "outside"


def test_links_that_stay_inside_are_followed_and_kept(steps: StepRunner) -> None:
    root = steps.working_dir
    (root / "real/deep").mkdir(parents=True)
    (root / "real/deep/x").write_text("x")
    (root / "relative").symlink_to("real/deep")
    (root / "absolute").symlink_to(root / "real")
    (root / "real/deep/up").symlink_to("../..")
    (root / "file").symlink_to("absolute/deep/x")
    assert steps.ok("read_file", path="relative/x")["path"] == "real/deep/x"
    assert steps.ok("read_file", path="absolute/deep/up/relative/x")["content"] == "x"
    assert steps.ok("create_file", path="file", content="new")["path"] == "real/deep/x"
    assert (root / "file").is_symlink()
    assert (root / "real/deep/x").read_text() == "new"


def test_a_path_may_be_absolute_or_go_up_as_long_as_it_stays_inside(steps: StepRunner) -> None:
    (steps.working_dir / "a").mkdir()
    (steps.working_dir / "x").write_text("x")
    assert steps.ok("read_file", path=f"{steps.working_dir}/a/../x")["path"] == "x"
    assert steps.ok("read_file", path="./a//.././x")["path"] == "x"


def test_a_working_directory_reached_by_a_link_is_known_by_both_names(
    steps: StepRunner, tmp_path: Path
) -> None:
    (tmp_path / "alias").symlink_to("work")
    (steps.working_dir / "x").write_text("x")
    alias = StepRunner(tmp_path / "alias")
    assert alias.ok("read_file", path=f"{tmp_path}/alias/x")["path"] == "x"
    assert alias.ok("read_file", path=f"{steps.working_dir}/x")["path"] == "x"


def test_a_loop_of_links_ends(steps: StepRunner) -> None:
    (steps.working_dir / "a").symlink_to("b")
    (steps.working_dir / "b").symlink_to("a")
    for path in ("a", "a/x"):
        outcome = steps.run("read_file", path=path)
        assert outcome.reason_code is Reason.STEP_ERROR
        assert outcome.message == f"{path}: Too many levels of symbolic links"


def test_a_permitted_folder_is_reached_by_its_absolute_path_alone(
    steps: StepRunner, tmp_path: Path
) -> None:
    shared, other = tmp_path / "shared", tmp_path / "shared-too"
    for folder in (shared, other):
        folder.mkdir()
        (folder / "in").write_text("theirs")
    (steps.working_dir / "inside").write_text("ours")
    (steps.working_dir / "link").symlink_to(shared)
    (shared / "out").symlink_to(other / "in")
    (shared / "fifo").unlink(missing_ok=True)
    os.mkfifo(shared / "fifo")
    steps.permitted = Permitted(folders=(shared,))
    assert steps.run("read_file", path=str(shared / "in")).output["content"] == "theirs"
    made = steps.run("create_file", path=f"{shared}/sub/new", content="x")
    assert made.output["path"] == f"{shared}/sub/new"
    copied = steps.run("copy_file", source="inside", destination=f"{shared}/copy")
    assert copied.state is AttemptState.SUCCESS
    assert (shared / "copy").read_text() == "ours"
    for path in (
        f"{other}/in",
        f"{shared}/../shared-too/in",
        f"{shared}/out",
        "link/in",
        "../shared/in",
    ):
        outcome = steps.run("read_file", path=path)
        assert outcome.reason_code is Reason.SECURITY_VIOLATION, (path, outcome)
        assert outcome.message is not None
        assert outcome.message.endswith("(`safety.folders` in config.toml would allow it)")
    refused = steps.run("read_file", path=f"{shared}/fifo")
    assert str(refused.message).endswith("(no setting allows it)")


def test_a_permitted_folder_does_not_open_what_belongs_to_mission_deck(
    steps: StepRunner, tmp_path: Path
) -> None:
    home = tmp_path / "shared" / "home"
    home.mkdir(parents=True)
    (home / "missions.db").write_text("database")
    steps.permitted = Permitted(folders=(tmp_path / "shared",))
    steps.protected_paths = (home,)
    for path in (f"{home}/missions.db", f"{home}/new"):
        for name, parameters in every_file_step(path):
            if "inside" not in parameters.values():
                outcome = steps.run(name, **parameters)
                assert outcome.reason_code is Reason.SECURITY_VIOLATION, (name, outcome)
    steps.permitted = Permitted(folders=(home,))
    assert steps.run("read_file", path=f"{home}/missions.db").reason_code is (
        Reason.SECURITY_VIOLATION
    )


def test_devices_fifos_and_sockets_are_refused(steps: StepRunner, tmp_path: Path) -> None:
    import socket

    root = steps.working_dir
    (root / "inside").write_text("inside")
    os.mkfifo(root / "fifo")
    with socket.socket(socket.AF_UNIX) as server:
        with contextlib.chdir(root):  # the path of a socket has at most 107 bytes
            server.bind("socket")
        for path in ("fifo", "socket"):
            for name, parameters in every_file_step(path):
                if name == "delete_file":
                    continue
                outcome = steps.run(name, **parameters)
                assert outcome.reason_code is Reason.SECURITY_VIOLATION, (name, outcome)
    outcome = StepRunner(Path("/dev")).run("read_file", path="null")
    said = "null is a character device, which file steps are not allowed to use"
    assert outcome.message == f"refused by safety.path-escape: {said} (no setting allows it)"


def test_the_database_its_companions_and_the_keys_are_refused(
    steps: StepRunner, tmp_path: Path
) -> None:
    root = steps.working_dir
    (root / "inside").write_text("inside")
    (root / "missions.db").write_text("database")
    (root / "keys").mkdir()
    (root / "keys/log.key").write_text("key")
    os.link(root / "missions.db", root / "innocent")
    (root / "alias").symlink_to("missions.db")
    steps.protected_paths = (root / "missions.db", root / "keys")
    paths = ["missions.db", "missions.db-wal", "innocent", "keys/log.key", "keys/new"]
    for path in [*paths, f"{root}/missions.db"]:
        for name, parameters in every_file_step(path):
            if name in {"edit_file", "read_file"} and path.endswith(("-wal", "new")):
                continue
            outcome = steps.run(name, **parameters)
            assert outcome.reason_code is Reason.SECURITY_VIOLATION, (name, path, outcome)
    assert steps.run("read_file", path="alias").reason_code is Reason.SECURITY_VIOLATION
    assert (root / "missions.db").read_text() == "database"
    assert (root / "keys/log.key").read_text() == "key"


def exchanger() -> Callable[[Path, Path], None]:
    """Return a function that swaps two names in one step: renameat2(RENAME_EXCHANGE)."""
    renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if renameat2 is None:
        pytest.skip("needs renameat2")
    here = -100

    def exchange(one: Path, other: Path) -> None:
        if renameat2(here, os.fsencode(one), here, os.fsencode(other), 2):
            raise OSError(ctypes.get_errno(), "renameat2")

    return exchange


@pytest.mark.parametrize("flipped", ["folder", "file"])
def test_a_link_flipped_while_steps_run_never_leads_outside(
    steps: StepRunner, tmp_path: Path, flipped: str
) -> None:
    """A thread swaps a folder (or file) with a link to the outside as fast as it can."""
    root = steps.working_dir
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "x").write_text("outside")
    good, bad, name = root / "good", root / "bad", root / "name"
    if flipped == "folder":
        good.mkdir()
        (good / "x").write_text("inside")
        bad.symlink_to(outside)
        path = "name/x"
    else:
        good.write_text("inside")
        bad.symlink_to(outside / "x")
        path = "name"
    good.rename(name)
    stop = Event()
    exchange = exchanger()

    def flip() -> None:
        while not stop.is_set():
            exchange(name, bad)

    thread = Thread(target=flip)
    thread.start()
    seen = set()
    try:
        for _ in range(400):
            read = steps.run("read_file", path=path)
            seen.add(read.reason_code)
            assert read.output.get("content", "inside") in {"inside", "written"}
            steps.run("append_file", path=path, content="")
            if flipped == "folder":
                steps.run("create_file", path=path, content="written")
    finally:
        stop.set()
        thread.join()
    assert (outside / "x").read_text() == "outside"
    assert [path.name for path in outside.iterdir()] == ["x"]
    assert Reason.STEP_DONE in seen


@pytest.mark.parametrize("name", ["read_file", "append_file", "edit_file", "create_file"])
@pytest.mark.parametrize("flipped", ["folder", "file"])
def test_a_link_flipped_between_any_two_system_calls_never_leads_outside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, flipped: str
) -> None:
    """The race again, without luck: the swap comes after the first, second, third, ... call."""
    exchange = exchanger()
    real = {call: getattr(os, call) for call in ("stat", "open", "readlink")}
    for moment in range(1, 16):
        root, outside = tmp_path / f"{moment}/work", tmp_path / f"{moment}/outside"
        root.mkdir(parents=True)
        outside.mkdir()
        (outside / "x").write_text("outside")
        target, bad = root / "name", root / "bad"
        path = "name/x" if flipped == "folder" else "name"
        if flipped == "folder":
            target.mkdir()
        (root / path).write_text("inside")
        bad.symlink_to(outside if flipped == "folder" else outside / "x")
        left = moment

        def flipping(call: str, *arguments: Any, **options: Any) -> Any:
            nonlocal left
            result = real[call](*arguments, **options)
            left -= 1
            if left == 0:
                exchange(target, bad)  # noqa: B023 - called within this round only
            return result

        with monkeypatch.context() as patch:
            for call in real:
                patch.setattr(os, call, partial(flipping, call))
            parameters = {} if name == "read_file" else {"content": "evil"}
            outcome = StepRunner(root).run(name, path=path, **parameters)
        assert outcome.output.get("content", "inside") == "inside"
        assert (outside / "x").read_text() == "outside"
        assert [entry.name for entry in outside.iterdir()] == ["x"]


def test_no_descriptor_is_left_open(steps: StepRunner) -> None:
    (steps.working_dir / "a/b").mkdir(parents=True)
    (steps.working_dir / "out").symlink_to("/etc")
    descriptors = Path("/proc/self/fd")
    if not descriptors.exists():
        pytest.skip("needs /proc")
    before = len(list(descriptors.iterdir()))
    for path in ("a/b/x", "out/passwd", "a/../..", "a/b/c/d", "x\0", "a/b/x/y"):
        for name, parameters in every_file_step(path):
            steps.run(name, **parameters)
    assert len(list(descriptors.iterdir())) == before


def test_a_place_counts_the_folders_above_it(tmp_path: Path) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    with Tree(tmp_path) as tree:
        with tree.place("a/b/x") as place:
            assert (place.name, place.path, place.depth) == ("x", "a/b/x", 2)
        with tree.place("a/..") as place:
            assert (place.name, place.path, place.depth) == (".", ".", 0)


# --- what a plan says ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "parameters", "text"),
    [
        ("create_file", {"path": "o/x", "content": "12 bytes now"}, "would write 12 bytes to o/x"),
        (
            "create_file",
            {"path": "x", "content": "{{ a }}"},
            "would write the rendered content to x",
        ),
        ("append_file", {"path": "x", "content": "é"}, "would append 2 bytes to x"),
        ("edit_file", {"path": "x", "find": "a"}, "would replace 'a' in x"),
        ("edit_file", {"path": "x", "content": "a"}, "would write 1 byte to x"),
        ("delete_file", {"path": "x"}, "would delete x"),
        ("read_file", {"path": "x\ny"}, "would read x y"),
        ("copy_file", {"source": "x", "destination": "y"}, "would copy x to y"),
        ("move_file", {"source": "x", "destination": "y"}, "would move x to y"),
    ],
)
def test_a_plan_says_what_a_step_would_do(
    steps: StepRunner, name: str, parameters: dict[str, object], text: str
) -> None:
    assert steps.describe(name, **parameters) == text
