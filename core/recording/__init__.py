"""The one way into the journal: events folded and committed as batches."""
