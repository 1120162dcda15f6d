"""`include`: files of the mission's folder belong to it, and so do their bytes."""

from pathlib import Path

import pytest

from core.mission_file.finding.code import Code
from core.mission_file.including import join_data
from core.mission_file.including.joined_source import SourceFile, join_files, split_files
from core.mission_file.load import Loaded, load_mission

MAIN = """version: "1.0"
name: main
include: [common/base.yaml, more.json]
env: {A: own}
steps:
  - {id: first, use: hello, with: {who: you}}
"""
BASE = """include: deep/deeper.yaml
env: {A: base, B: base}
templates:
  hello:
    params: {who: {required: true}}
    step: {step_type: log, parameters: {message: "hello {{ with.who }}"}}
steps:
  - {id: second, run: echo, depends_on: first}
handlers: {always: [{id: over, run: echo over}]}
"""
FILES = {
    "main.yaml": MAIN,
    "common/base.yaml": BASE,
    "common/deep/deeper.yaml": "env: {B: deep, C: deep}\nsteps: [{id: fourth, run: echo}]\n",
    "more.json": '{"steps": [{"id": "third", "run": "echo"}], "env": {"B": "more"}}',
}


def load(folder: Path, **changed: str) -> Loaded:
    """Write the files and load the mission; a key like `common__base` is common/base.yaml."""
    files = {**FILES, **{f"{key.replace('__', '/')}.yaml": text for key, text in changed.items()}}
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return load_mission(folder / "main.yaml")


def found_in(loaded: Loaded, folder: Path) -> list[tuple[Code, str, int]]:
    return [(one.code, one.file.removeprefix(f"{folder}/"), one.line) for one in loaded.diagnostics]


def test_what_is_included_belongs_to_the_mission(tmp_path: Path) -> None:
    mission = load(tmp_path).mission
    assert mission is not None
    assert [step.id for step in mission.steps] == ["first", "third", "second", "fourth"]
    assert mission.steps[0].parameters == {"message": "hello you"}
    assert mission.env == {"A": "own", "B": "more", "C": "deep"}, "later files go over earlier ones"
    assert [step.id for step in mission.handlers.always] == ["over"]


def test_the_recorded_bytes_are_the_whole_mission(tmp_path: Path) -> None:
    loaded = load(tmp_path)
    assert loaded.source is not None
    for name in FILES:
        (tmp_path / name).unlink()
    again = load_mission(loaded.source.content, name=loaded.source.name, fmt=loaded.source.format)
    assert again.mission == loaded.mission
    assert again.source == loaded.source
    for text in FILES.values():
        assert text in loaded.source.content.decode()
    other = load(tmp_path, common__base=BASE.replace("echo over", "echo end"))
    assert other.source is not None
    assert other.source.digest != loaded.source.digest


def test_a_mission_without_includes_is_recorded_as_it_is(tmp_path: Path) -> None:
    text = 'version: "1.0"\nname: x\nsteps: [{id: a, run: x}]\n'
    loaded = load(tmp_path, main=text)
    assert loaded.source is not None
    assert loaded.source.content == text.encode()


def test_joined_files_are_split_as_they_were_and_nothing_else_is() -> None:
    files = [SourceFile("a b.yaml", b"x: 1"), SourceFile("ä.yaml", b'\xff\n--- # "x"\n')]
    content = join_files(files)
    assert split_files(content) == files
    assert split_files(b"x: 1") is None
    for broken in (content[:-1], content + b"x", b"# mission files: []\n", b"# mission files: 7\n"):
        assert split_files(broken) is None


@pytest.mark.parametrize(
    ("changed", "where"),
    [
        ({"common__base": "steps:\n  - {id: second, ruN: x}\n"}, ("common/base.yaml", 2)),
        ({"common__base": "steps: [{id: first, run: x}]\n"}, ("common/base.yaml", 1)),
        ({"common__base": "a: [\n"}, ("common/base.yaml", 2)),
        ({"common__base": "version: '1.0'\n"}, ("common/base.yaml", 1)),
        ({"common__base": "- a\n"}, ("common/base.yaml", 1)),
        ({"common__base": ""}, ("main.yaml", 3)),
        ({"common__deep__deeper": "env:\n  D: [1]\n"}, ("common/deep/deeper.yaml", 2)),
        ({"common__deep__deeper": "include: ../base.yaml\n"}, ("common/deep/deeper.yaml", 1)),
        ({"main": MAIN.replace("more.json", "none.json")}, ("main.yaml", 3)),
        ({"main": MAIN.replace("more.json", "../more.json")}, ("main.yaml", 3)),
        ({"main": MAIN.replace("more.json", "/etc/passwd.json")}, ("main.yaml", 3)),
        ({"main": MAIN.replace("more.json", "main.yaml")}, ("main.yaml", 3)),
        ({"main": MAIN.replace("who: you", "whom: you")}, ("main.yaml", 6)),
    ],
)
def test_what_is_wrong_is_reported_in_its_file(
    changed: dict[str, str], where: tuple[str, int], tmp_path: Path
) -> None:
    loaded = load(tmp_path, **changed)
    assert loaded.mission is None
    assert where in {(file, line) for _, file, line in found_in(loaded, tmp_path)}, (
        loaded.diagnostics
    )


def test_a_number_that_changes_as_text_is_warned_of_where_it_stands(tmp_path: Path) -> None:
    main = MAIN.replace("{A: own}", "{A: own, V: 0x10}")
    deeper = "variables:\n  v: 3.10\nsteps: [{id: fourth, run: echo}]\n"
    loaded = load(tmp_path, main=main, common__deep__deeper=deeper)
    assert loaded.mission is not None
    assert found_in(loaded, tmp_path) == [
        (Code.NUMBER_TEXT, "main.yaml", 4),
        (Code.NUMBER_TEXT, "common/deep/deeper.yaml", 2),
    ]


def test_a_template_that_is_wrong_is_reported_where_it_stands(tmp_path: Path) -> None:
    loaded = load(tmp_path, common__base=BASE.replace("with.who }}", "params.no }}"))
    (found,) = loaded.diagnostics
    assert (found.file, found.line) == (str(tmp_path / "common/base.yaml"), 6)
    assert "in step `first`" in found.message


def test_files_that_include_one_another_are_refused(tmp_path: Path) -> None:
    deeper = "include: [loop.yaml]\n"
    loop = "include: deeper.yaml\n"
    loaded = load(tmp_path, common__deep__deeper=deeper, common__deep__loop=loop)
    ((code, file, line),) = found_in(loaded, tmp_path)
    assert (code, file, line) == (Code.BAD_VALUE, "common/deep/loop.yaml", 1)
    assert "includes itself" in loaded.diagnostics[0].message


def test_links_that_lead_out_and_folders_are_refused(tmp_path: Path) -> None:
    outside = tmp_path / "outside.yaml"
    outside.write_text("env: {X: secret}\n")
    folder = tmp_path / "in"
    folder.mkdir()
    load(folder)
    (folder / "common/deep/deeper.yaml").unlink()
    (folder / "common/deep/deeper.yaml").symlink_to(outside)
    loaded = load_mission(folder / "main.yaml")
    assert found_in(loaded, folder) == [(Code.UNREADABLE, "common/base.yaml", 1)]
    (folder / "common/deep/deeper.yaml").unlink()
    (folder / "common/deep/deeper.yaml").mkdir()
    assert load_mission(folder / "main.yaml").mission is None
    (folder / "common/deep/deeper.yaml").rmdir()
    (folder / "common/deep/deeper.yaml").symlink_to(folder / "common/inner.yaml")
    (folder / "common/inner.yaml").write_text("env: {C: inner}\n")
    assert load_mission(folder / "main.yaml").mission is not None


def test_too_many_and_too_large_files_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(join_data, "MAX_FILES", 2)
    assert {code for code, _, _ in found_in(load(tmp_path), tmp_path)} >= {Code.TOO_LARGE}
    monkeypatch.setattr(join_data, "MAX_FILES", 10)
    monkeypatch.setattr(join_data, "MAX_BYTES", 100)
    assert {code for code, _, _ in found_in(load(tmp_path), tmp_path)} >= {Code.TOO_LARGE}


def test_a_mission_that_comes_from_no_file_includes_none() -> None:
    (found, *_) = load_mission(MAIN).diagnostics
    assert (found.code, found.line) == (Code.UNREADABLE, 3)
