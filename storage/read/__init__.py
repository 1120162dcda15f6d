"""Reading committed records."""
