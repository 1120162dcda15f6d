"""Changes that a retry makes to the recorded mission and its parameters."""
