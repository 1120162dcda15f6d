"""Compares the tables, indexes, triggers and views of a file with those of its format."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from functools import cache
from pathlib import Path

from storage.file.migration import migrate, read_migrations

_SCHEMA = """
SELECT type, name, sql FROM sqlite_schema
WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
"""


def schema_differences(connection: sqlite3.Connection, version: int) -> Iterator[tuple[str, str]]:
    """Yield kind and text of each difference to the schema of format `version`.

    The kind is that of the object: `table`, `index`, `trigger` or `view`.
    """
    found = _schema(connection)
    expected = _expected(version)
    for (kind, name), sql in expected.items():
        if (kind, name) not in found:
            yield kind, f"the {kind} {name} is missing"
        elif found[kind, name] != sql:
            yield kind, f"the {kind} {name} is not defined as in format {version}"
    for kind, name in sorted(found.keys() - expected.keys()):
        yield kind, f"the {kind} {name} is not part of format {version}"


@cache
def _expected(version: int) -> dict[tuple[str, str], str]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as fresh:
        migrate(fresh, Path(), lambda _: None, read_migrations()[:version])
        return _schema(fresh)


def _schema(connection: sqlite3.Connection) -> dict[tuple[str, str], str]:
    """Return the definitions of the schema by kind and name, with normalised white space."""
    rows = connection.execute(_SCHEMA).fetchall()
    return {(kind, name): " ".join(sql.split()) for kind, name, sql in rows}
