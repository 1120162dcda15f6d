"""Themes, keys and pictures."""
