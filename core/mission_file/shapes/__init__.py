"""Keys of a step that give a mission its shape: what repeats, what must hold, what serves."""
