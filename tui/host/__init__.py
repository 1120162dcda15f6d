"""The only joiner of core and storage: database, settings and processes of this machine."""
