"""Evidence bundles: one zip file that proves an execution offline. Knows no database."""
