"""What things cost: ratios in one run, never timed tests."""
