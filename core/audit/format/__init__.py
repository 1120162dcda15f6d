"""The byte formats of the audit: bodies, hashes, notes, keys, checkpoints."""
