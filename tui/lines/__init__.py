"""Prose of the screens, line by line."""
