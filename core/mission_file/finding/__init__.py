"""Diagnostics: what is wrong with a file, and where."""
