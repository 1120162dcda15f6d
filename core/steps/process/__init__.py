"""Steps that start processes."""
