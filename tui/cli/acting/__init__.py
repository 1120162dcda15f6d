"""Commands that act on many executions at once."""
