"""What earlier executions of a mission say about the present one."""
