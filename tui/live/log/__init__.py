"""The log of one execution as pages, searched and read ahead by the screens."""
