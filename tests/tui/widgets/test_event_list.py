"""The list of audit events: what it shows of types that this version does not know."""

from collections import defaultdict
from typing import Any

from rich.style import Style

from core.domain.records import AuditEvent
from tui.look.theme import ThemeStyles
from tui.widgets.steps.event_list import EventList

PLAIN: dict[str, Any] = {name: Style() for name in ThemeStyles.__annotations__}
INKS = ThemeStyles(**{**PLAIN, "states": defaultdict(Style)})


def row(event_type: str) -> str:
    """Return the text of the row of an event whose details read like a transition."""
    event = AuditEvent(
        seq=7, event_id="e", timestamp=1, event_type=event_type, actor="engine", target="step/a",
        details={"from": "READY", "to": "SUCCESS", "reason_code": "LATER", "attempt": {"x": 1}},
        hash="0" * 64, previous_hash="0" * 64, execution_id="x",
    )  # fmt: skip
    shown = EventList()
    shown._events = [event]
    return "".join(text for text, _ in shown.row(0, 120, INKS))


def test_an_event_of_an_unknown_type_is_shown_by_its_type_and_target_alone() -> None:
    found = row("step.teleported")
    assert "step.teleported" in found
    assert " a " in found
    assert "done" not in found
    assert "LATER" not in found


def test_a_transition_is_shown_as_one() -> None:
    found = row("step.state_changed")
    assert "done" in found
    assert "step.state_changed" not in found
