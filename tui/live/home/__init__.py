"""What home shows and remembers of executions and panes."""
