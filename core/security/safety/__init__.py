"""Safety: what no attempt may do unless the settings of the machine or the user allow it."""
