"""The generated parts of the documents are those of this program."""

import shutil
import subprocess

import pytest

from tests.tools.generate_docs import (
    ARCHITECTURE,
    BEGIN,
    COMMANDS,
    REASONS,
    WRONG_FILE,
    commands_page,
    reasons_page,
    states_block,
    with_codes,
    with_states,
)
from tests.tools.generate_man import MAN, man_pages


def test_the_page_of_commands_is_fresh() -> None:
    assert COMMANDS.read_text(encoding="utf-8") == commands_page(), "run `make docs`"


def test_the_state_diagram_is_fresh() -> None:
    text = ARCHITECTURE.read_text(encoding="utf-8")
    assert with_states(text) == text, "run `make docs`"


def test_the_page_of_reason_codes_is_fresh() -> None:
    assert REASONS.read_text(encoding="utf-8") == reasons_page(), "run `make docs`"


def test_the_table_of_diagnostic_codes_is_fresh() -> None:
    text = WRONG_FILE.read_text(encoding="utf-8")
    assert with_codes(text) == text, "run `make docs`"


def test_the_manual_pages_are_fresh() -> None:
    written = {page.name: page.read_text(encoding="utf-8") for page in MAN.iterdir()}
    assert written == man_pages(), "run `make docs`"


def test_the_manual_pages_render_without_a_warning() -> None:
    if shutil.which("groff") is None:
        pytest.skip("groff is not installed")
    pages = sorted(map(str, MAN.iterdir()))
    done = subprocess.run(
        ["groff", "-ww", "-man", "-Tutf8", "-z", *pages],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_stale_diagram_is_replaced_and_the_rest_is_kept() -> None:
    page = f"# before\n\n{BEGIN}\nold\n<!-- end of states -->\n\nafter\n"
    fresh = with_states(page)
    assert states_block() in fresh
    assert "old" not in fresh
    assert fresh.startswith("# before\n")
    assert fresh.endswith("\n\nafter\n")
    assert with_states(fresh) == fresh
