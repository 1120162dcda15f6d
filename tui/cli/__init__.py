"""The command line, and the composition root that joins core, storage and screen."""
