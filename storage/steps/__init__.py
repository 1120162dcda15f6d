"""Step types that speak SQL."""
