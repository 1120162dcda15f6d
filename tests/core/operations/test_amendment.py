"""What a retry changes: new mission bytes, validated and compared with the recorded ones."""

from typing import Any

import pytest

from core.domain.records import AuditEvent
from core.errors import MissionInvalidError, UsageError
from core.explain.amendment_text import AMENDED, amendment_lines, amendments_in
from core.mission_file.load import load_mission
from core.operations.amending import amendment
from core.operations.amending.amendment import Amendment, Wish, amend
from core.operations.mission_order import require_valid
from tests.core.explain.test_execution_changes import an_ended_execution, an_event

TEXT = """\
version: "1.0"
name: nightly
params:
  target: {type: choice, choices: [staging, production], default: staging}
  token: {type: string, secret: true}
steps:
  - {id: load, name: Load, step_type: command, timeout_seconds: 20, parameters: {command: load}}
  - {id: z, name: Z, step_type: noop, depends_on: [load]}
"""
MISSION, SOURCE = require_valid(load_mission(TEXT, name="n.yaml"))
EXECUTION = an_ended_execution(params={"target": "production"}, mission_digest=SOURCE.digest)


def amended(**wish: Any) -> Amendment | None:
    return amend(EXECUTION, MISSION, SOURCE, Wish(**wish))


def test_an_amended_mission_has_bytes_and_a_digest_of_its_own() -> None:
    found = amended(settings=["load.timeout_seconds=60"], params={"target": "staging"})
    assert found is not None
    assert found.source.digest != SOURCE.digest
    assert found.source.content == TEXT.replace("seconds: 20", "seconds: 60").encode()
    assert found.mission.steps[0].timeout_seconds == 60
    assert found.params == {"target": "staging"}
    assert [one.split(":")[0] for one in found.lines] == [
        "mission file",
        "step `load`, definition `timeout_seconds`",
        "parameter `target`",
    ]
    told = amendment_lines(found.facts())
    assert told[1:] == [
        "load definition timeout_seconds: 20 → 60",
        "parameter target: production → staging",
    ]
    assert told[0] == f"mission file: now sha256 {found.source.digest[:12]}…"


def test_parameters_alone_leave_the_mission_as_it_is() -> None:
    found = amended(params={"target": "staging"})
    assert found is not None
    assert found.source is SOURCE
    assert amended(params={"target": "production"}) is None
    assert amended(settings=["load.timeout_seconds=20"]) is None


def test_a_secret_input_is_handed_on_but_not_recorded() -> None:
    found = amended(params={"token": "abcdefghij"})
    assert found is not None
    assert found.variables == {"MISSION_SECRET_token": "abcdefghij"}
    assert "abcdefghij" not in str((found.params, found.facts(), found.lines))


def test_what_is_not_valid_or_not_the_same_mission_is_refused() -> None:
    with pytest.raises(MissionInvalidError):
        amended(settings=["load.timeout_seconds=soon"])
    with pytest.raises(UsageError, match="`nope` is not a parameter"):
        amended(params={"nope": 1})
    with pytest.raises(UsageError, match="name cannot be amended"):
        amended(content=TEXT.replace("nightly", "daily").encode())
    with pytest.raises(UsageError, match="neither adds, removes nor moves"):
        amended(content=TEXT.replace("id: z", "id: y").encode())


def test_the_record_is_bounded_and_read_with_care(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(amendment, "MAX_RECORDED_CHANGES", 2)
    found = amended(settings=[f"load.env.N{n}=x" for n in range(4)])
    assert found is not None
    assert amendment_lines(found.facts())[-1] == "and 3 more"
    event: AuditEvent = an_event(AMENDED, {"changes": [{"name": "x", "aspect": "input"}, 3, {}]})
    assert amendments_in([an_event("other", {}), event]) == ["input x: none → none"]
    assert amendment_lines({"changes": 3}) == []
