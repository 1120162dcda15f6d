"""Themes, styles and SVG pictures."""
