"""Mission files that come with Mission Deck."""
