"""Reports for people who audit: one document, written as Markdown or HTML."""
