"""Verification of this machine's log, and evidence for others."""
