"""Semantic checks: what must hold between the parts of a mission file."""
