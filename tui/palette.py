"""The command palette: every action of the screen at hand, every mission, every execution."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from tui.format import ago
from tui.glyph import look
from tui.text import clean_line

if TYPE_CHECKING:
    from tui.app import MissionDeckApp

MOVES = ("move(", "page(", "first", "last", "choose", "command_palette")
"""What is no use to choose from a list."""

Entry = tuple[str, Callable[[], object]]


class DeckCommands(Provider):
    """Looks through actions, missions and executions by what is typed."""

    async def discover(self) -> Hits:
        """Show the actions before anything is typed."""
        for text, act in self._actions():
            yield DiscoveryHit(Content(text), act, text=text)

    async def search(self, query: str) -> Hits:
        """Show what fits."""
        matcher = self.matcher(query)
        for text, act in self._entries():
            score = matcher.match(text)
            if score > 0:
                yield Hit(score, Content(text), act, text=text)

    @property
    def _deck(self) -> "MissionDeckApp":
        return cast("MissionDeckApp", self.app)

    def _entries(self) -> Iterator[Entry]:
        yield from self._actions()
        deck = self._deck
        for mission in deck.missions:
            yield f"launch {clean_line(mission.name)}", partial(deck.open_launch, mission.path)
        now = deck.clock.now()
        for execution in deck.executions:
            text = (
                f"open {clean_line(execution.mission_name)} {deck.short_id(execution.execution_id)}"
                f"  {look(execution.state).word}, {ago(execution.created_at, now)}"
            )
            yield text, partial(deck.open_execution, execution.execution_id)

    def _actions(self) -> Iterator[Entry]:
        deck, screen = self._deck, self.screen
        for key, label, action, owner in deck.action_entries(screen):
            if action.startswith(MOVES):
                continue
            yield f"{label}  ({key})", partial(deck.run_action, action, owner)
        for theme in deck.theme_names:
            yield f"theme {theme}", partial(deck.set_theme, theme)
