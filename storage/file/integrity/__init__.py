"""Checks of a database file: its pages and references, its schema, its WAL."""
