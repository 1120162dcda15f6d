"""From pieces of output to stored log chunks."""
