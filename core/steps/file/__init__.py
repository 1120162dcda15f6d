"""Steps that act on files within the working folder."""
