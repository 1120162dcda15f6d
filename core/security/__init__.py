"""Secrets, safety and policy: pure decisions and formats. Opens no file and asks nobody."""
