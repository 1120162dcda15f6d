"""What people do to executions: the use cases behind command line and screen."""
