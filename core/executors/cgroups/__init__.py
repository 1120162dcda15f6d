"""Control groups of Linux, version 2: finding a delegated one, and the groups of a runner in it."""
