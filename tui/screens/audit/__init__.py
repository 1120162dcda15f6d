"""The audit screen: the chain, its verification and its records."""
