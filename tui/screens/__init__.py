"""The screens, which arrange widgets and connect them to the state."""
