"""Shell completion: candidates, and the protocol with each shell."""
