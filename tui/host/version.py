"""The version of the program, where `--version` finds it without importing anything."""

VERSION = "0.1.0"
