"""What the gate asks policies about one attempt."""

from pathlib import Path
from typing import Any

import pytest

from core.security.attempt_request import AttemptRequest
from core.security.policy.policy_gate import requests_of
from core.step_type.intent import Intent


def context(tmp_path: Path, **fields: Any) -> dict[str, Any]:
    request = AttemptRequest(
        mission_name="m",
        mission_sha256="0",
        step_id="a",
        task_id="a[1]",
        step_type="command",
        working_dir=str(tmp_path),
        **fields,
    )
    return dict(next(requests_of(request)).context)


def test_the_program_is_the_file_that_would_be_started(tmp_path: Path) -> None:
    tool = tmp_path / "bin" / "tool"
    tool.parent.mkdir()
    tool.write_text("#!/bin/sh\n")
    tool.chmod(0o755)
    (tmp_path / "alias").symlink_to(tool)
    environ = {"PATH": str(tool.parent)}
    for name in ("tool", "./alias", "bin/../bin/tool", str(tool)):
        found = context(tmp_path, intent=Intent(argv=(name, "x")), environ=lambda: environ)
        assert (found["program"], found["args"]) == (str(tool.resolve()), ["x"])
        assert found["command"] == f"{name} x"
    found = context(tmp_path, intent=Intent(argv=("none",)), environ=lambda: environ)
    assert found["program"] == "none"


def test_writes_are_absolute_and_name_the_folders_above(tmp_path: Path) -> None:
    found = context(tmp_path, intent=Intent(writes=("a/../b/c.txt",)))["writes"]
    assert found[:3] == [str(tmp_path / "b" / "c.txt"), str(tmp_path / "b"), str(tmp_path)]
    assert found[-1] == "/"


@pytest.mark.parametrize(
    ("host", "expected"),
    [("API.Example.com.", "api.example.com"), ("b\u00fccher.example", "xn--bcher-kva.example")],
)
def test_a_host_is_named_as_it_is_looked_up(tmp_path: Path, host: str, expected: str) -> None:
    assert context(tmp_path, intent=Intent(host=host))["host"] == expected
