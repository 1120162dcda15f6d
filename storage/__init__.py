"""The SQLite implementation of the ports that core defines: journal, reader, control, keystore."""
