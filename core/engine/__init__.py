"""The loop that drives one execution."""
