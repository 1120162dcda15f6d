"""What a screen may do to executions, and what it tells the user unasked."""
