"""Which executions there are: pages, counts, references, and what needs somebody."""
