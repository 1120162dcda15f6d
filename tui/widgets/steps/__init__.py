"""Lists of steps, events, executions and missions."""
