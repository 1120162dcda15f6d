"""Where the processes of executions run: what is asked before one starts, what was recorded."""
