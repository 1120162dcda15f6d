"""Steps that parse, check and transform data."""
