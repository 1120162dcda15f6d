"""Which files are read as policies: none that somebody else could have written."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import PolicyFileError
from core.machine import trusted_file
from core.security.policy.policy_file import (
    MAX_FILE_BYTES,
    MAX_FILES,
    FolderContent,
    Layer,
    PolicyFolder,
    project_folders,
    read_folders,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "config" / "policy.d"
    made.mkdir(parents=True, mode=0o755)
    (made / "a.cedar").write_text("// a\n")
    return made


def read(folder: Path, layer: Layer = Layer.HOME) -> list[FolderContent]:
    return read_folders([PolicyFolder(layer, folder)])


def test_files_are_read_in_order_and_others_are_named(folder: Path) -> None:
    (folder / "0.cedar").write_bytes(b"\xef\xbb\xbf// 0\n")
    (folder / "notes.ceder").write_text("x")
    [content] = read(folder)
    assert [file.path.name for file in content.files] == ["0.cedar", "a.cedar"]
    assert content.files[0].text == "// 0\n"
    assert len(content.files[0].sha256) == 64
    assert content.ignored == ("notes.ceder",)


def test_a_folder_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    assert read(tmp_path / "none") == []
    (tmp_path / "file").write_text("")
    assert read(tmp_path / "file" / "policy.d") == []


def test_a_project_has_the_policies_of_all_folders_above(tmp_path: Path) -> None:
    found = [one.path for one in project_folders(tmp_path / "a" / "b")]
    assert found[:3] == [
        tmp_path / "a" / "b" / ".missiondeck" / "policy.d",
        tmp_path / "a" / ".missiondeck" / "policy.d",
        tmp_path / ".missiondeck" / "policy.d",
    ]
    assert found[-1] == Path("/.missiondeck/policy.d")


def link(file: Path) -> None:
    file.rename(file.with_name("real"))
    file.symlink_to("real")


def fifo(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def subfolder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def many(file: Path) -> None:
    for number in range(MAX_FILES):
        (file.parent / f"{number}.cedar").touch()


@pytest.mark.parametrize(
    ("spoil", "what"),
    [
        (lambda file: file.chmod(0o664), r"others can write to .*a\.cedar \(mode 0664\)"),
        (lambda file: file.chmod(0o646), r"others can write to .*a\.cedar"),
        (lambda file: file.parent.chmod(0o777), r"others can write to .*policy\.d"),
        (lambda file: file.parent.parent.chmod(0o770), r"others can write to .*config "),
        (link, r"a\.cedar is a symbolic link"),
        (fifo, r"a\.cedar is not a regular file"),
        (subfolder, r"a\.cedar is not a regular file"),
        (lambda file: file.write_bytes(b"/" * (MAX_FILE_BYTES + 1)), r"larger than 262,144 bytes"),
        (lambda file: file.write_bytes(b"// \n\xff"), r"a\.cedar:2: it is not UTF-8"),
        (many, "more than 100 policy files"),
    ],
)
def test_what_cannot_be_trusted_is_refused_and_named(
    folder: Path, spoil: Callable[[Path], object], what: str
) -> None:
    spoil(folder / "a.cedar")
    with pytest.raises(PolicyFileError, match=what) as caught:
        read(folder)
    assert caught.value.exit_code == 5


def test_a_folder_that_is_a_link_or_a_file_is_refused(folder: Path) -> None:
    other = folder.with_name("other")
    other.symlink_to(folder)
    with pytest.raises(PolicyFileError, match="other is a symbolic link"):
        read(other)
    with pytest.raises(PolicyFileError, match="not a folder"):
        read(folder / "a.cedar")


def test_files_of_another_user_are_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trusted_file, "ROOT", 4_000_001)
    monkeypatch.setattr(os, "geteuid", lambda: 4_000_002)
    with pytest.raises(PolicyFileError, match=r"belongs to user \d+, who is not trusted"):
        read(folder)
    monkeypatch.setattr(os, "geteuid", lambda: folder.stat().st_uid)
    assert read(folder)
    with pytest.raises(PolicyFileError, match="who is not trusted"):
        read(folder, Layer.SYSTEM)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
@pytest.mark.parametrize("closed", ["a.cedar", "."])
def test_what_cannot_be_read_is_refused(folder: Path, closed: str) -> None:
    (folder / closed).chmod(0)
    try:
        with pytest.raises(PolicyFileError, match="cannot be read"):
            read(folder)
    finally:
        (folder / closed).chmod(0o700)
