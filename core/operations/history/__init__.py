"""What is recorded of a step: its earlier executions, and how to run it by hand."""
