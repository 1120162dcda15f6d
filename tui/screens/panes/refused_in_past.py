"""What is refused while a screen shows the past: what acts on the run as it is now."""

from functools import cache
from typing import ClassVar

from textual import events

from tui.keys.key_bindings import KEYS
from tui.screens.deck_screen import DeckScreen

REFUSED_TEXT = "this is the past: press . for now, then act"


class RefusedInPast(DeckScreen):
    """Base of a screen that may show the past; `key_place` is where its keys are in the table."""

    key_place: ClassVar[str] = ""
    allowed_in_past: ClassVar[frozenset[str]] = frozenset()
    """Actions of the group "Acting" that concern no run, so that they are never refused."""

    @property
    def shows_past(self) -> bool:
        """Whether the screen shows the past."""
        return False

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Refuse what acts on the run while the past is shown."""
        if self.shows_past and action in self._refused()[0]:
            return False
        return super().check_action(action, parameters)

    def offers(self, action: str) -> bool:
        """Offer nothing that is refused."""
        is_refused = self.shows_past and action.partition("(")[0] in self._refused()[0]
        return not is_refused and super().offers(action)

    def on_key(self, event: events.Key) -> None:
        """Say why an acting key does nothing in the past."""
        if not self.shows_past:
            return
        keys = self._refused()[1]
        if event.key in keys or event.character in keys:
            event.stop()
            self.deck.show_notice(REFUSED_TEXT)

    def _refused(self) -> tuple[frozenset[str], frozenset[str]]:
        return _acting(self.key_place, self.allowed_in_past)


@cache
def _acting(place: str, allowed: frozenset[str]) -> tuple[frozenset[str], frozenset[str]]:
    """Return the actions of a place that act on a run, and their keys."""
    acting = [
        key
        for key in KEYS[place]
        if key.group == "Acting" and key.action.partition("(")[0] not in allowed
    ]
    actions = frozenset(key.action.partition("(")[0] for key in acting)
    return actions, frozenset(name for key in acting for name in key.keys.split(","))
