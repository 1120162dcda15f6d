"""Steps that act on files inside the working directory."""
