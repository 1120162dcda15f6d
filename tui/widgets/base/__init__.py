"""Widgets that know nothing about missions."""
