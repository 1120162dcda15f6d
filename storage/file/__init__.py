"""The database file, the signing keys and the lock files."""
