"""What holds between the parts of a mission file."""
