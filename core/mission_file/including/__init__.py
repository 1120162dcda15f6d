"""Files that a mission file includes: reading them, joining them, and keeping their bytes."""
