"""Templates and expressions of mission files: parsing and evaluation."""
