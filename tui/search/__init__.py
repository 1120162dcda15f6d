"""Filters, searches and pages over many things."""
