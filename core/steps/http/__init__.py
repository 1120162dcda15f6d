"""Steps that use the network: HTTP requests, and waiting for files, ports and URLs."""
