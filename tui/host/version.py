"""The version of the program; a separate module, so that `--version` imports nothing else."""

VERSION = "0.1.0"
