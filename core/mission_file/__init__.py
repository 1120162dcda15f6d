"""Mission files: reading, checking, explaining."""
