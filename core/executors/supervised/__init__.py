"""Processes spawned, watched and ended by a supervisor process of their own, on Linux."""
