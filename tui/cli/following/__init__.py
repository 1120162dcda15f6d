"""Following an execution to its end."""
