"""The graph of a mission, and its export."""
