"""The themes: which one is shown, and switching."""

from tui.app_parts.deck_app import DeckApp
from tui.look.theme import THEME_CYCLE, THEMES


class Themes(DeckApp):
    """The part that registers and switches themes."""

    def _register_themes(self) -> None:
        for theme in THEMES:
            self.register_theme(theme)

    def _apply_theme(self, theme: str | None) -> None:
        self.theme = theme if theme in self.available_themes else THEMES[0].name

    def action_next_theme(self) -> None:
        """Switch to the next theme."""
        at = THEME_CYCLE.index(self.theme) if self.theme in THEME_CYCLE else -1
        self.set_theme(THEME_CYCLE[(at + 1) % len(THEME_CYCLE)])

    def set_theme(self, name: str) -> None:
        """Switch to a theme."""
        self.theme = name
        self.show_notice(f"theme {name}")
        self.screen.refresh(layout=True)

    @property
    def theme_names(self) -> list[str]:
        """All themes, ours first."""
        rest = sorted(name for name in self.available_themes if name not in THEME_CYCLE)
        return [*THEME_CYCLE, *rest]
