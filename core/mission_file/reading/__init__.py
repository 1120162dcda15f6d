"""From text to plain data, with limits and positions."""
