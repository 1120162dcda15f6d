"""The audit chain: canonical bodies, Merkle tree, signed checkpoints, verification."""
