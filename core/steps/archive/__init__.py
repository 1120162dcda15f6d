"""Steps that pack and unpack archives."""
