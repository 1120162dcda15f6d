"""Output of commands while they run."""
