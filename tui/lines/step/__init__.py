"""One step as lines: computed from records; all untrusted text is made safe here."""
