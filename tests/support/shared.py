"""Where test data lives that is kept beside the repository, not in it."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def shared_path(name: str) -> Path:
    """Return `../shared/NAME` beside the repository; skip the test where it is absent."""
    path = ROOT.parent / "shared" / name
    if not path.exists():
        pytest.skip(f"needs {path}, which is not here")
    return path
