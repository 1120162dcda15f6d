"""What holds of the sources as a whole: no circles, one name a file, folders of a size to read."""

import pytest

from tests.tools.source_tree import (
    PACKAGES,
    attribute_users,
    callers,
    cycles,
    folder_sizes,
    imports_of,
    modules,
    repeated_file_names,
)

FOLDER_FILES = 16
CASTS = 3


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert cycles({name: imports_of(name) for name in modules()}) == []


def test_a_circle_is_found_wherever_it_starts() -> None:
    assert cycles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}}) == [["b", "c"]]
    assert cycles({"a": {"b", "c"}, "b": {"d"}, "c": {"d"}, "d": set()}) == []


def test_imports_for_types_and_in_functions_are_seen() -> None:
    assert "tui.cli.frame" in imports_of("tui.cli.main")  # in a function
    assert "tui.host.site" in imports_of("tui.cli.invocation")  # for types alone


@pytest.mark.parametrize("package", PACKAGES)
def test_no_file_name_stands_twice_in_a_package(package: str) -> None:
    assert repeated_file_names(package) == {}


def test_no_folder_holds_more_files_than_one_can_survey() -> None:
    sizes = folder_sizes()
    del sizes["tui/cli/commands"]  # one file per command
    assert {folder: size for folder, size in sizes.items() if size > FOLDER_FILES} == {}


def test_what_is_done_in_one_place_is_done_there_alone() -> None:
    """In one test, because every call in the sources is read once for it."""
    assert len([name for name, _ in callers("cast") if name.startswith("tui")]) <= CASTS

    commit = ("core.recording.recorder", "commit")
    assert callers("Batch") == [commit]
    assert callers("journal.submit") == [commit]

    converter = ("core.value.conversion", "converter")  # other decoders are made at import
    assert callers("msgspec.convert") == [converter]
    decoders = [*callers("json.Decoder"), *callers("msgpack.Decoder")]
    assert [found for found in decoders if found[1]] == [converter]
    assert callers("msgspec.json.decode") == callers("msgpack.decode") == []

    assert callers("LocalExecutor") == [("core.executors.platform_executor", "platform_executor")]

    assert {name for name, _ in callers("LogChunk")} == {
        "core.output.chunker",
        "storage.read.log_reader",  # which reads chunks back
    }
    assert {name for name, _ in callers("Chunker")} == {"core.output.capture"}
    assert [name for name, _ in callers("Capture")] == ["core.engine.attempt"]
    assert attribute_users("append_log") == ["core.recording.recorder"]
