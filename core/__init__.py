"""The engine of Mission Deck: missions, executions, audit. Knows no screen and no SQL."""
