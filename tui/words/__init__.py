"""Text for people: safe, sized, counted."""
