"""The texts of the screens, as lines and parts of bars."""
