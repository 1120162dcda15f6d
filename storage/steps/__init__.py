"""Step types that use SQL."""
