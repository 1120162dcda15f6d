"""The use cases behind command line and screen: launching, requesting, resuming, retrying."""
