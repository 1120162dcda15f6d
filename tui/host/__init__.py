"""The composition root: joins core and storage with the settings and processes of this machine."""
