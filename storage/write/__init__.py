"""The one writing connection."""
