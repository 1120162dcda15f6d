"""The filter languages, and the queries of home and of the command palette."""
