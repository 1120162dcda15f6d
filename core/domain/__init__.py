"""What missions, executions and events are: frozen data, one transition table, one fold."""
