"""The mission file: YAML and JSON to a validated Mission, or positioned diagnostics."""
