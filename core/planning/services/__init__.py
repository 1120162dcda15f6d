"""Services: which steps need them, and when they may end."""
