"""Key bindings: where every key is declared, and the user's own keys over them."""
