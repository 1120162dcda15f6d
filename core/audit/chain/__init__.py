"""Appending to the audit chain."""
