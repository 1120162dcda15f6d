"""Captures the output of attempts as log chunks, masks secrets, and keeps artifacts by content."""
