"""The database file, its keys and locks."""
