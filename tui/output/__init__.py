"""Records as text and JSON for the command line: pure functions, no screen, no storage."""
