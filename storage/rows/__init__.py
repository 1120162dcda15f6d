"""Conversion between records and rows."""
