"""What the turns of the loop are made of: the parts, what is taken in, starts and ends."""
