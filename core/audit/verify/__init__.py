"""Verification of a stored audit log: detects what was changed, and where."""
