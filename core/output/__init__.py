"""Captures the output of attempts and emits it as log chunks; masking of secrets belongs here."""
