"""Whether a step would only do again what it has done: its files and values against a record."""
