"""An execution as it was at any of its events."""
