"""The command palette: every action of the current screen, every mission, every execution."""

from collections.abc import Callable, Iterator
from functools import partial

from textual.binding import Binding
from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content
from textual.dom import DOMNode

from tui.keys.acting_keys import ACTING, action_name
from tui.keys.key_bindings import group_of
from tui.live.deck import Deck, deck_of
from tui.screens.deck_screen import DeckScreen
from tui.words.safe_text import clean_line

MOVES = ("move(", "page(", "first", "last", "choose", "command_palette")
"""Actions that are not offered, since they only make sense as keys."""

Entry = tuple[str, Callable[[], object]]


class DeckCommands(Provider):
    """Searches actions, missions and executions."""

    async def discover(self) -> Hits:
        """Offer the actions before the user types."""
        for text, act in self._actions():
            yield DiscoveryHit(Content(text), act, text=text)

    async def search(self, query: str) -> Hits:
        """Offer what matches the input; executions are searched in the whole database."""
        matcher = self.matcher(query)
        entries = [*self._actions(), *self._missions(), *await self._executions(query)]
        for text, act in entries:
            score = matcher.match(text)
            if score > 0:
                yield Hit(score, Content(text), act, text=text)

    @property
    def _deck(self) -> Deck:
        return deck_of(self.app)

    def _missions(self) -> Iterator[Entry]:
        deck = self._deck
        for mission in deck.missions:
            yield f"launch {clean_line(mission.name)}", partial(deck.open_launch, mission.path)

    async def _executions(self, query: str) -> list[Entry]:
        from core.errors import MissionDeckError
        from tui.search.palette_executions import read_palette_executions, run_title

        deck = self._deck
        if not deck.is_ready:
            return []
        words = tuple(word for word in query.split() if word != "open")
        try:
            found = await deck.lookup.read(lambda reader: read_palette_executions(reader, words))
        except MissionDeckError:
            return []  # the feed reports the same failure
        now = deck.clock.now()
        return [
            (f"open {run_title(one, now)}", partial(deck.open_execution, one.execution_id))
            for one in found
        ]

    def _actions(self) -> Iterator[Entry]:
        deck = self._deck
        for binding, owner in self._bindings():
            if binding.action.startswith(MOVES):
                continue
            label, key = binding.description, self.app.get_key_display(binding)
            if isinstance(self.screen, DeckScreen):
                label = self.screen.label_of(binding.action, label)
            yield f"{label}  ({key})", partial(self.app.run_action, binding.action, owner)
        for theme in deck.theme_names:
            yield f"theme {theme}", partial(deck.set_theme, theme)

    def _bindings(self) -> list[tuple[Binding, DOMNode]]:
        """Return the bindings that apply to this screen, each with its node, actions first."""
        screen = self.screen
        found: dict[str, tuple[Binding, DOMNode]] = {}
        for active in screen.active_bindings.values():
            binding: Binding = active.binding
            if isinstance(screen, DeckScreen) and not screen.offers(binding.action):
                continue
            if self._deck.is_read_only and action_name(binding.action) in ACTING:
                continue
            if binding.id and binding.description and active.enabled and not binding.system:
                found.setdefault(binding.id, (binding, active.node))
        return [found[name] for name in sorted(found, key=lambda name: group_of(name) != "Acting")]
