"""Screens of several panes."""
