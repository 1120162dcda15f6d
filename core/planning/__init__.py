"""Pure decisions: what starts next, what is retried, what a stop or a lost runner means."""
