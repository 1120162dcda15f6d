"""The application id and schema version that identify a Mission Deck database."""

APPLICATION_ID = 0x4D44434B
"""`MDCK` in the header of the file (https://sqlite.org/fileformat2.html#application_id)."""

SCHEMA_VERSION = 20
"""The format this version writes: the number of migration files, and `PRAGMA user_version`."""
