"""Benchmarks: mostly ratios of measurements within one run; they are not tests."""
