"""The keys of a step: their values, their table, and the check of a whole step."""
