"""The terminal: command line and Textual screen."""
