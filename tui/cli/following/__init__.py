"""Running or watching an execution to its end."""
