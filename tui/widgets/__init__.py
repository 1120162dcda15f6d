"""The widgets, which draw."""
