"""Verification: what was changed, and where."""
