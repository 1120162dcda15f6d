"""Messages name the owner of what belongs to somebody else."""

import os
from pathlib import Path

import pytest

from core.errors import UsageError
from core.machine.file_owner import whose
from tui.host.settings import load_settings


def test_what_is_ones_own_needs_no_owner(tmp_path: Path) -> None:
    assert whose(tmp_path) == ""
    assert whose(tmp_path / "missing") == ""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_settings_of_somebody_else_that_cannot_be_read_name_their_owner(tmp_path: Path) -> None:
    place = tmp_path / "config.toml"
    place.mkdir()  # for root, modes are no obstacle
    os.chown(place, 54321, -1)

    with pytest.raises(UsageError, match=r"cannot be read: .* \(it belongs to uid 54321\)"):
        load_settings(environ={}, cwd=tmp_path, user_file=place, flags={})
