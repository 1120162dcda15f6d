"""Evidence on the command line: bundles, reports, and what verification says of them."""
