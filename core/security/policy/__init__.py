"""Cedar policies of the operator: reading, checking and asking them. Decides, does nothing."""
