"""Values without meaning of their own: instants, durations, JSON text, patterns."""
