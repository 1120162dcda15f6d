"""General values and text utilities: instants, durations, JSON text, patterns."""
