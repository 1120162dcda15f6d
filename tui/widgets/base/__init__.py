"""Widgets that know nothing of missions."""
