"""Reads shell text and command lines: what they would run, and what of it destroys a system."""
