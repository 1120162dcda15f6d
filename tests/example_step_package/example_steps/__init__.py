"""Step types of an example package."""
