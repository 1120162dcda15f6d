"""The pages of the inspector, as lines."""
