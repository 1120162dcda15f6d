"""The first screen: missions on the left, executions on the right."""
