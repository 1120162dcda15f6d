"""The single writing connection and its transactions."""
