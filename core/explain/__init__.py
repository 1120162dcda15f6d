"""Why something is in its state, in words: pure functions of the records."""
