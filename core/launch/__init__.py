"""From an order to the first batch of a new execution."""
