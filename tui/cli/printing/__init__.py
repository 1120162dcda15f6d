"""What a command prints while it runs."""
