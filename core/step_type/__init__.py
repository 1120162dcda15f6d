"""Everything that a step type sees, built in or installed."""
