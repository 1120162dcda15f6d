"""How records look as text and JSON: pure functions over core's data, no screen, no storage."""
