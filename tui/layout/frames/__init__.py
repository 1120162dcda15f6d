"""Frames around parts of a graph."""
