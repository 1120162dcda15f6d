"""Step types: one file per family, and the registry that finds them."""
