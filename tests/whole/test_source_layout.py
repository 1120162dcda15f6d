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


def test_the_screen_hardly_casts() -> None:
    assert len([name for name, _ in callers("cast") if name.startswith("tui")]) <= CASTS


def test_batches_are_made_and_submitted_in_one_function_alone() -> None:
    commit = ("core.recording.recorder", "commit")
    assert callers("Batch") == [commit]
    assert callers("journal.submit") == [commit]


def test_data_is_converted_to_structs_through_descriptions_made_at_import_alone() -> None:
    assert callers("msgspec.convert") == [("core.value.conversion", "converter")]
    decoders = [*callers("json.Decoder"), *callers("msgpack.Decoder")]
    assert [found for found in decoders if found[1]] == [("core.value.conversion", "converter")]
    assert callers("msgspec.json.decode") == callers("msgpack.decode") == []


def test_the_executor_is_chosen_in_one_place() -> None:
    assert callers("LocalExecutor") == [("core.executors.platform_executor", "platform_executor")]


def test_output_becomes_log_chunks_in_the_capture_alone_and_reaches_the_journal_in_one_place() -> (
    None
):
    assert {name for name, _ in callers("LogChunk")} == {
        "core.output.chunker",
        "storage.read.log_reader",  # which reads chunks back
    }
    assert {name for name, _ in callers("Chunker")} == {"core.output.capture"}
    assert [name for name, _ in callers("Capture")] == ["core.engine.attempt"]
    assert attribute_users("append_log") == ["core.recording.recorder"]
