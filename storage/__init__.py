"""One SQLite file behind the ports of core: journal, reader, control, keystore."""
