"""Checks of what events of the log itself say: prunes and anchors."""
