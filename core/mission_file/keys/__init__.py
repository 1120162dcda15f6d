"""The keys of a mission file, one file for each part."""
