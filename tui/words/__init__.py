"""Texts for people: made safe for a terminal, cut to a width, numbers and states in words."""
