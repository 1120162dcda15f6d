"""Explains why something is in its state: pure functions of the records."""
