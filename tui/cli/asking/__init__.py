"""What the command line asks its user for."""
