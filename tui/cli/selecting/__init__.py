"""Which executions a command is about, and how a list of them is ordered, shown and watched."""
