"""Screens that tell of several executions: comparison and history."""
