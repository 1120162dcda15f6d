"""What the help says beside options: examples, and pages on topics."""
