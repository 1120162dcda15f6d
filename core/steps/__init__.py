"""The built-in step types, one package per family."""
