"""The interfaces through which the core reaches the outside world, as protocols."""
