"""What is kept and what may go: pure decisions, without I/O."""
